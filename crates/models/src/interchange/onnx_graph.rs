//! The parts of ONNX models: attributes, tensors, nodes. Numbers of fields are those of `onnx.proto`.

use super::protobuf::Message;

/// Types of numbers in tensors: `TensorProto.DataType`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Float = 1,
    Uint8 = 2,
    Int64 = 7,
    Text = 8,
    Double = 11,
}

/// A value of an attribute or an initializer.
pub(super) enum Tensor<'v> {
    Uint8(&'v [u8]),
    Float(&'v [f32]),
    Double(&'v [f64]),
    Texts(&'v [String]),
}

impl Tensor<'_> {
    /// A tensor of one axis.
    pub(super) fn message(&self, name: &str) -> Message {
        let (kind, len) = match self {
            Tensor::Uint8(list) => (Kind::Uint8, list.len()),
            Tensor::Float(list) => (Kind::Float, list.len()),
            Tensor::Double(list) => (Kind::Double, list.len()),
            Tensor::Texts(list) => (Kind::Text, list.len()),
        };
        let mut tensor = Message::new().int(1, len as i64).int(2, kind as i64);
        tensor = match self {
            Tensor::Uint8(list) => tensor.bytes(9, list),
            Tensor::Float(list) => {
                tensor.bytes(9, &list.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>())
            }
            Tensor::Double(list) => {
                tensor.bytes(9, &list.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>())
            }
            Tensor::Texts(list) => list.iter().fold(tensor, |tensor, text| tensor.text(6, text)),
        };
        tensor.text(8, name)
    }
}

/// A value of an attribute of a node.
pub(super) enum Attribute<'v> {
    Int(i64),
    Text(&'v str),
    Ints(&'v [i64]),
    Floats(&'v [f32]),
    Texts(&'v [&'v str]),
    Tensor(Tensor<'v>),
}

/// A node under construction.
pub(super) struct Node(Message);

impl Node {
    /// An operator of a domain, which is empty for ONNX's own.
    pub(super) fn new(operator: &str, domain: &str, inputs: &[&str], output: &str) -> Self {
        let node = inputs.iter().fold(Message::new(), |node, input| node.text(1, input));
        let node = node.text(2, output).text(3, output).text(4, operator);
        Node(if domain.is_empty() { node } else { node.text(7, domain) })
    }

    pub(super) fn with(self, name: &str, value: Attribute<'_>) -> Self {
        let attribute = Message::new().text(1, name);
        let (attribute, kind) = match value {
            Attribute::Int(value) => (attribute.int(3, value), 2),
            Attribute::Text(text) => (attribute.text(4, text), 3),
            Attribute::Tensor(tensor) => (attribute.message(5, tensor.message(name)), 4),
            Attribute::Floats(list) => (attribute.floats(7, list), 6),
            Attribute::Ints(list) => (attribute.ints(8, list), 7),
            Attribute::Texts(list) => {
                (list.iter().fold(attribute, |attribute, text| attribute.text(9, text)), 8)
            }
        };
        Node(self.0.message(5, attribute.int(20, kind)))
    }
}

/// A graph under construction, whose inputs and outputs have rows of a number that is not fixed.
#[derive(Default)]
pub(super) struct Graph {
    nodes: Vec<Message>,
    initializers: Vec<Message>,
    inputs: Vec<Message>,
    outputs: Vec<Message>,
}

impl Graph {
    pub(super) fn node(&mut self, node: Node) {
        self.nodes.push(node.0);
    }

    /// A constant.
    pub(super) fn initializer(&mut self, name: &str, value: &Tensor<'_>) {
        self.initializers.push(value.message(name));
    }

    pub(super) fn input(&mut self, name: &str, kind: Kind, n_columns: usize) {
        self.inputs.push(info(name, kind, Some(n_columns)));
    }

    /// An output of so many columns, or of one number for each row.
    pub(super) fn output(&mut self, name: &str, kind: Kind, n_columns: Option<usize>) {
        self.outputs.push(info(name, kind, n_columns));
    }

    pub(super) fn message(self) -> Message {
        let lists = [(1, self.nodes), (5, self.initializers), (11, self.inputs), (12, self.outputs)];
        let mut graph = Message::new().text(2, "trees");
        for (field, list) in lists {
            graph = list.into_iter().fold(graph, |graph, message| graph.message(field, message));
        }
        graph
    }
}

/// What is known of an input or an output.
fn info(name: &str, kind: Kind, n_columns: Option<usize>) -> Message {
    let mut shape = Message::new().message(1, Message::new().text(2, "N"));
    if let Some(n_columns) = n_columns {
        shape = shape.message(1, Message::new().int(1, n_columns as i64));
    }
    let tensor = Message::new().int(1, kind as i64).message(2, shape);
    Message::new().text(1, name).message(2, Message::new().message(1, tensor))
}
