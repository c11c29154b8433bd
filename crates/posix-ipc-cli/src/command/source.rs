//! The messages that `send` sends: from arguments, files and standard input.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, BufRead, Read};
use std::os::unix::ffi::OsStrExt;

use crate::args::SourceArgs;
use crate::exit::{Failure, Outcome};

/// Messages to send.
pub(crate) enum Source {
    /// All of them, known before the first is sent.
    Whole(Vec<Vec<u8>>),
    /// Those that standard input will bring, each ended by this byte.
    Stream(u8),
}

impl Source {
    pub(crate) fn open(args: &SourceArgs) -> Outcome<Self> {
        if args.lines {
            return Ok(Self::Stream(b'\n'));
        }
        if args.nul {
            return Ok(Self::Stream(0));
        }
        if args.messages.is_empty() {
            return Ok(Self::Whole(vec![form(args, input()?)?]));
        }
        let messages = args.messages.iter().map(|message| one(args, message));
        messages.collect::<Outcome<_>>().map(Self::Whole)
    }

    /// Hands each message over; those known beforehand are all checked before the first is.
    pub(crate) fn each(
        self,
        check: impl Fn(&[u8]) -> Outcome,
        mut send: impl FnMut(&[u8]) -> Outcome,
    ) -> Outcome {
        match self {
            Self::Whole(messages) => {
                messages.iter().try_for_each(|message| check(message))?;
                messages.iter().try_for_each(|message| send(message))
            }
            Self::Stream(end) => {
                let mut input = io::stdin().lock();
                let mut message = Vec::new();
                loop {
                    message.clear();
                    let read = input.read_until(end, &mut message);
                    if read.map_err(Failure::io("read standard input"))? == 0 {
                        return Ok(());
                    }
                    let message = message.strip_suffix(&[end]).unwrap_or(&message);
                    check(message)?;
                    send(message)?;
                }
            }
        }
    }
}

fn one(args: &SourceArgs, message: &OsString) -> Outcome<Vec<u8>> {
    let bytes = match message.as_bytes() {
        b"-" => input()?,
        path if args.file => {
            let path = OsStr::from_bytes(path);
            fs::read(path).map_err(Failure::io(format!("read {}", path.display())))?
        }
        bytes => bytes.to_vec(),
    };
    form(args, bytes)
}

fn form(args: &SourceArgs, bytes: Vec<u8>) -> Outcome<Vec<u8>> {
    if args.hex { unhex(&bytes).map_err(Failure::usage) } else { Ok(bytes) }
}

fn input() -> Outcome<Vec<u8>> {
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes).map_err(Failure::io("read standard input"))?;
    Ok(bytes)
}

/// Bytes of pairs of hexadecimal digits, with blanks anywhere between the digits.
pub(crate) fn unhex(text: &[u8]) -> Result<Vec<u8>, String> {
    let digits: Vec<u8> = text
        .iter()
        .filter(|byte| !byte.is_ascii_whitespace())
        .map(|&byte| {
            let digit = char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            digit.ok_or_else(|| format!("{:?} is no hexadecimal digit", char::from(byte)))
        })
        .collect::<Result<_, _>>()?;
    if !digits.len().is_multiple_of(2) {
        return Err("hexadecimal bytes have two digits each, and there is one too few".to_string());
    }
    Ok(digits
        .chunks_exact(2)
        .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_is_read_with_blanks_anywhere() {
        assert_eq!(unhex(b"00fF 1 0\n"), Ok(vec![0, 255, 16]));
        assert_eq!(unhex(b""), Ok(Vec::new()));
        assert!(unhex(b"0").is_err() && unhex(b"0g").is_err());
    }
}
