//! The wire format of Protocol Buffers, of which ONNX needs three kinds of fields.

/// A message that is being written.
#[derive(Clone, Debug, Default)]
pub(super) struct Message(Vec<u8>);

/// How a field lies on the wire.
const VARINT: u32 = 0;
const BYTES: u32 = 2;
const FIXED_32: u32 = 5;

impl Message {
    pub(super) fn new() -> Self {
        Message::default()
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn key(&mut self, field: u32, kind: u32) {
        self.varint(u64::from(field << 3 | kind));
    }

    /// A whole number: `int32`, `int64` or an enumeration.
    pub(super) fn int(mut self, field: u32, value: i64) -> Self {
        self.key(field, VARINT);
        self.varint(value as u64);
        self
    }

    /// Whole numbers, each in a field of its own, as ONNX declares lists of attributes.
    pub(super) fn ints(mut self, field: u32, values: &[i64]) -> Self {
        for &value in values {
            self = self.int(field, value);
        }
        self
    }

    /// Numbers, each in a field of its own.
    pub(super) fn floats(mut self, field: u32, values: &[f32]) -> Self {
        for value in values {
            self.key(field, FIXED_32);
            self.0.extend(value.to_le_bytes());
        }
        self
    }

    pub(super) fn bytes(mut self, field: u32, bytes: &[u8]) -> Self {
        self.key(field, BYTES);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn text(self, field: u32, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    pub(super) fn message(self, field: u32, message: Message) -> Self {
        self.bytes(field, &message.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Message;

    /// The examples of the documentation of the encoding: 150 in field 1, `testing` in field 2, a message in field 3.
    #[test]
    fn the_published_examples() {
        assert_eq!(Message::new().int(1, 150).into_bytes(), [0x08, 0x96, 0x01]);
        let text = [0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67];
        assert_eq!(Message::new().text(2, "testing").into_bytes(), text);
        assert_eq!(
            Message::new().message(3, Message::new().int(1, 150)).into_bytes(),
            [0x1a, 0x03, 0x08, 0x96, 0x01]
        );
        let minus_two = [0x08, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(Message::new().int(1, -2).into_bytes(), minus_two);
        assert_eq!(Message::new().floats(7, &[1.0]).into_bytes(), [0x3d, 0x00, 0x00, 0x80, 0x3f]);
        // Fields from 16 on have keys of two bytes.
        assert_eq!(Message::new().ints(20, &[1, 2]).into_bytes(), [0xa0, 0x01, 0x01, 0xa0, 0x01, 0x02]);
    }
}
