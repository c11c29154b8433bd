//! Typed messages beside postcard, borsh, prost, speedy, rkyv, zerocopy and a plain copy.

/// A contender that encodes with rkyv into a buffer that it uses again.
macro_rules! rkyv_encoder {
    ($value:expr) => {{
        let value = $value.clone();
        let mut buffer = rkyv::util::AlignedVec::<16>::new();
        move |operations| {
            Figures::of_loop(operations, || {
                buffer.clear();
                rkyv::api::high::to_bytes_in::<_, rkyv::rancor::Error>(
                    black_box(&value),
                    &mut buffer,
                )
                .unwrap();
                black_box(&buffer);
            })
        }
    }};
}

/// A contender that checks and decodes with rkyv.
macro_rules! rkyv_decoder {
    ($desk:expr, $type:ty, $archived:ty, $value:expr) => {{
        let (desk, mut round) = ($desk, 0);
        let bytes = rkyv::to_bytes::<rkyv::rancor::Error>(&$value).unwrap();
        let decode = |bytes: &[u8]| -> $type {
            let archived = rkyv::access::<$archived, rkyv::rancor::Error>(bytes).unwrap();
            rkyv::deserialize::<$type, rkyv::rancor::Error>(archived).unwrap()
        };
        assert!(decode(&bytes) == $value);
        move |operations| {
            desk.with_bytes(&mut round, &bytes, |bytes| {
                Figures::of_loop(operations, || {
                    black_box(Lines(decode(black_box(bytes))));
                })
            })
        }
    }};
}

mod codec;
mod messages;
mod round;

fn main() {
    posix_ipc_benches::pair::dispatch(&[
        ("typed", round::typed),
        ("serving", round::serving),
        ("untyped", round::untyped),
    ]);
    codec::ticks();
    codec::logs();
    codec::batches();
    round::trips();
}
