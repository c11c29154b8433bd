//! The arguments of `shm`.

use clap::Subcommand;
use posix_ipc::Name;

use super::value;

/// What to do with shared memory.
#[derive(Debug, Subcommand)]
pub(crate) enum ShmCommand {
    /// Copy shared memory to standard output
    #[command(after_help = "\
Examples:
  pipc shm dump /frame > frame.bin
  pipc shm dump /frame --offset 4K --len 64 --hex")]
    Dump {
        /// The object
        #[arg(value_name = "NAME", value_parser = value::name())]
        name: Name,
        /// Where to start
        #[arg(long, value_name = "N", default_value = "0", value_parser = value::size)]
        offset: u64,
        /// How many bytes; to the end if not given
        #[arg(long, value_name = "N", value_parser = value::size)]
        len: Option<u64>,
        /// Print offsets, hexadecimal and text
        #[arg(short = 'x', long)]
        hex: bool,
    },
    /// Copy standard input into shared memory
    #[command(after_help = "\
Input that does not fit is an error: of a file nothing is copied then, of a pipe what fits. With
--create, the object is made as long as the input.

Examples:
  pipc shm load /frame < frame.bin
  echo hello | pipc shm load /frame --offset 4K
  pipc shm load /frame --create < frame.bin")]
    Load {
        /// The object
        #[arg(value_name = "NAME", value_parser = value::name())]
        name: Name,
        /// Where to start
        #[arg(long, value_name = "N", default_value = "0", value_parser = value::size)]
        offset: u64,
        /// Create it, as long as the input; fails if it exists
        #[arg(long)]
        create: bool,
    },
    /// Set bytes of shared memory to a value
    #[command(after_help = "\
Examples:
  pipc shm fill /frame
  pipc shm fill /frame --byte 0xff --offset 1M --len 4K")]
    Fill {
        /// The object
        #[arg(value_name = "NAME", value_parser = value::name())]
        name: Name,
        /// The value
        #[arg(long, value_name = "BYTE", default_value = "0", value_parser = byte)]
        byte: u8,
        /// Where to start
        #[arg(long, value_name = "N", default_value = "0", value_parser = value::size)]
        offset: u64,
        /// How many bytes; to the end if not given
        #[arg(long, value_name = "N", value_parser = value::size)]
        len: Option<u64>,
    },
    /// Change the size of shared memory
    #[command(after_help = "\
Refuses to shrink what a process has mapped, since that process would crash when it touches what is
gone; --force does it all the same.

Examples:
  pipc shm truncate /frame 16M
  pipc shm truncate /frame 4K --force")]
    Truncate {
        /// The object
        #[arg(value_name = "NAME", value_parser = value::name())]
        name: Name,
        /// The new size
        #[arg(value_name = "SIZE", value_parser = value::size)]
        size: u64,
        /// Shrink it also if it is mapped
        #[arg(short, long)]
        force: bool,
    },
}

pub(crate) fn byte(text: &str) -> Result<u8, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u8::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| "a byte is 0 to 255, or 0x00 to 0xff".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_decimal_or_hexadecimal() {
        assert_eq!((byte("255"), byte("0xff")), (Ok(255), Ok(255)));
        assert!(byte("256").is_err() && byte("0x1ff").is_err() && byte("").is_err());
    }
}
