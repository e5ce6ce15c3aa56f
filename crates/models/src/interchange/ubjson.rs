//! UBJSON as XGBoost writes it: big-endian, with typed arrays.

use perennial_core::{Error, Result};

use super::value::{Typed, Value, push};

/// The deepest nesting that is read.
const DEEPEST: usize = 64;

/// Reads one value.
pub(super) fn read(bytes: &[u8]) -> Result<Value> {
    let mut reader = Reader { rest: bytes, length: bytes.len() };
    let marker = reader.marker()?;
    let value = reader.value(marker, 0)?;
    if reader.rest.is_empty() { Ok(value) } else { reader.bad("there is more after the value") }
}

struct Reader<'b> {
    rest: &'b [u8],
    length: usize,
}

impl<'b> Reader<'b> {
    fn bad<T>(&self, what: &str) -> Result<T> {
        let at = self.length - self.rest.len();
        Err(Error::malformed(format!("it is no UBJSON: {what} before byte {at}")))
    }

    fn take(&mut self, n: usize) -> Result<&'b [u8]> {
        match self.rest.split_at_checked(n) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => self.bad("the bytes end too early"),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    /// The next marker that means something.
    fn marker(&mut self) -> Result<u8> {
        loop {
            let [marker] = self.array()?;
            if marker != b'N' {
                return Ok(marker);
            }
        }
    }

    /// Takes a marker if it comes next.
    fn eat(&mut self, marker: u8) -> bool {
        let found = self.rest.first() == Some(&marker);
        if found {
            self.rest = &self.rest[1..];
        }
        found
    }

    fn number(&mut self, marker: u8) -> Result<f64> {
        Ok(match marker {
            b'i' => f64::from(i8::from_be_bytes(self.array()?)),
            b'U' => f64::from(u8::from_be_bytes(self.array()?)),
            b'I' => f64::from(i16::from_be_bytes(self.array()?)),
            b'l' => f64::from(i32::from_be_bytes(self.array()?)),
            b'L' => i64::from_be_bytes(self.array()?) as f64,
            b'd' => f64::from(f32::from_be_bytes(self.array()?)),
            b'D' => f64::from_be_bytes(self.array()?),
            _ => return self.bad("a number was expected"),
        })
    }

    /// The length of what follows, which takes at least `size` bytes for each.
    fn length(&mut self, size: usize) -> Result<usize> {
        let marker = self.marker()?;
        if !matches!(marker, b'i' | b'U' | b'I' | b'l' | b'L') {
            return self.bad("a length was expected");
        }
        let length = self.number(marker)?;
        if length >= 0.0 && length <= (self.rest.len() / size) as f64 {
            Ok(length as usize)
        } else {
            self.bad("a length is more than the bytes that are left")
        }
    }

    fn text(&mut self) -> Result<String> {
        let length = self.length(1)?;
        match String::from_utf8(self.take(length)?.to_vec()) {
            Ok(text) => Ok(text),
            Err(_) => self.bad("a text is no UTF-8"),
        }
    }

    fn value(&mut self, marker: u8, depth: usize) -> Result<Value> {
        if depth > DEEPEST {
            return self.bad("it is nested too deeply");
        }
        Ok(match marker {
            b'Z' => Value::Null,
            b'T' => Value::Bool(true),
            b'F' => Value::Bool(false),
            b'S' | b'H' => Value::Text(self.text()?),
            b'C' => Value::Text(char::from(self.array::<1>()?[0]).to_string()),
            b'[' => self.list(depth)?,
            b'{' => self.map(depth)?,
            _ => Value::Number(self.number(marker)?),
        })
    }

    fn list(&mut self, depth: usize) -> Result<Value> {
        if self.eat(b'$') {
            let marker = self.marker()?;
            let size = match marker {
                b'i' | b'U' => 1,
                b'I' => 2,
                b'l' | b'd' => 4,
                b'L' | b'D' => 8,
                _ => return self.bad("an array has a type that is no number"),
            };
            if !self.eat(b'#') {
                return self.bad("a typed array has no length");
            }
            let length = self.length(size)?;
            return (0..length).map(|_| self.number(marker)).collect::<Result<_>>().map(Value::Numbers);
        }
        let length = if self.eat(b'#') { Some(self.length(1)?) } else { None };
        let mut list = Value::Numbers(Vec::new());
        let mut n_read = 0;
        while length != Some(n_read) {
            let marker = self.marker()?;
            if marker == b']' && length.is_none() {
                break;
            }
            list = push(list, self.value(marker, depth + 1)?);
            n_read += 1;
        }
        Ok(list)
    }

    fn map(&mut self, depth: usize) -> Result<Value> {
        if self.eat(b'$') {
            return self.bad("a typed object is not supported");
        }
        let length = if self.eat(b'#') { Some(self.length(2)?) } else { None };
        let mut entries = Vec::new();
        while length != Some(entries.len()) {
            if length.is_none() && self.eat(b'}') {
                break;
            }
            let name = self.text()?;
            let marker = self.marker()?;
            entries.push((name, self.value(marker, depth + 1)?));
        }
        Ok(Value::Map(entries))
    }
}

/// Writes a value.
pub(super) fn write(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write_value(value, &mut out);
    out
}

fn write_length(length: usize, out: &mut Vec<u8>) {
    out.push(b'L');
    out.extend((length as u64).to_be_bytes());
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    write_length(text.len(), out);
    out.extend(text.as_bytes());
}

fn write_array<T: Copy, const N: usize>(
    marker: u8,
    list: &[T],
    bytes: impl Fn(T) -> [u8; N],
    out: &mut Vec<u8>,
) {
    out.extend([b'[', b'$', marker, b'#']);
    write_length(list.len(), out);
    list.iter().for_each(|&item| out.extend(bytes(item)));
}

fn write_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(b'Z'),
        Value::Bool(value) => out.push(if *value { b'T' } else { b'F' }),
        Value::Number(number) if number.fract() == 0.0 && number.abs() < 2f64.powi(53) => {
            out.push(b'L');
            out.extend((*number as i64).to_be_bytes());
        }
        Value::Number(number) => {
            out.push(b'D');
            out.extend(number.to_be_bytes());
        }
        Value::Text(text) => {
            out.push(b'S');
            write_text(text, out);
        }
        Value::Numbers(list) => write_array(b'D', list, f64::to_be_bytes, out),
        Value::Typed(Typed::U8(list)) => write_array(b'U', list, u8::to_be_bytes, out),
        Value::Typed(Typed::I32(list)) => write_array(b'l', list, i32::to_be_bytes, out),
        Value::Typed(Typed::I64(list)) => write_array(b'L', list, i64::to_be_bytes, out),
        Value::Typed(Typed::F32(list)) => write_array(b'd', list, f32::to_be_bytes, out),
        Value::List(list) => {
            out.push(b'[');
            list.iter().for_each(|value| write_value(value, out));
            out.push(b']');
        }
        Value::Map(entries) => {
            out.push(b'{');
            for (name, value) in entries {
                write_text(name, out);
                write_value(value, out);
            }
            out.push(b'}');
        }
    }
}
