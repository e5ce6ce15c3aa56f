//! Just enough of ONNX to read and run what is written.

use std::collections::BTreeMap;

/// A field of a message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Field {
    Int(i64),
    Bytes(Vec<u8>),
    Float(f32),
}

/// The fields of a message by their number, in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message(BTreeMap<u64, Vec<Field>>);

fn varint(bytes: &mut &[u8]) -> u64 {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = bytes[0];
        *bytes = &bytes[1..];
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            return value;
        }
    }
}

fn take<'b>(bytes: &mut &'b [u8], n: usize) -> &'b [u8] {
    let (first, rest) = bytes.split_at(n);
    *bytes = rest;
    first
}

impl Message {
    pub(crate) fn read(mut bytes: &[u8]) -> Self {
        let mut fields: BTreeMap<u64, Vec<Field>> = BTreeMap::new();
        while !bytes.is_empty() {
            let key = varint(&mut bytes);
            let field = match key & 7 {
                0 => Field::Int(varint(&mut bytes) as i64),
                2 => {
                    let n = varint(&mut bytes) as usize;
                    Field::Bytes(take(&mut bytes, n).to_vec())
                }
                5 => Field::Float(f32::from_le_bytes(take(&mut bytes, 4).try_into().unwrap())),
                kind => panic!("kind {kind} is not written"),
            };
            fields.entry(key >> 3).or_default().push(field);
        }
        Message(fields)
    }

    fn all(&self, field: u64) -> &[Field] {
        self.0.get(&field).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn ints(&self, field: u64) -> Vec<i64> {
        let int = |field: &Field| if let Field::Int(value) = field { *value } else { panic!("{field:?}") };
        self.all(field).iter().map(int).collect()
    }

    pub(crate) fn texts(&self, field: u64) -> Vec<String> {
        self.blocks(field).into_iter().map(|bytes| String::from_utf8(bytes).unwrap()).collect()
    }

    pub(crate) fn messages(&self, field: u64) -> Vec<Message> {
        self.blocks(field).iter().map(|bytes| Message::read(bytes)).collect()
    }

    fn blocks(&self, field: u64) -> Vec<Vec<u8>> {
        let block = |field: &Field| if let Field::Bytes(b) = field { b.clone() } else { panic!("{field:?}") };
        self.all(field).iter().map(block).collect()
    }
}

/// Numbers of a tensor or an attribute, whatever their type; `f32` and `f64` alike.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct List {
    pub(crate) numbers: Vec<f64>,
    pub(crate) texts: Vec<String>,
    /// `TensorProto.DataType` of a tensor.
    pub(crate) kind: i64,
}

fn tensor(message: &Message) -> List {
    let kind = message.ints(2)[0];
    let raw = message.blocks(9).concat();
    let numbers: Vec<f64> = match kind {
        1 => raw.chunks(4).map(|b| f64::from(f32::from_le_bytes(b.try_into().unwrap()))).collect(),
        2 => raw.iter().map(|&byte| f64::from(byte)).collect(),
        8 => Vec::new(),
        11 => raw.chunks(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect(),
        _ => panic!("a tensor of type {kind}"),
    };
    let texts = message.texts(6);
    assert_eq!(message.ints(1), [numbers.len().max(texts.len()) as i64]);
    List { numbers, texts, kind }
}

pub(crate) struct Node {
    pub(crate) operator: String,
    pub(crate) domain: String,
    pub(crate) inputs: Vec<String>,
    pub(crate) output: String,
    pub(crate) attributes: BTreeMap<String, List>,
}

impl Node {
    fn read(message: &Message) -> Self {
        let attribute = |message: &Message| {
            let mut list = List::default();
            match message.ints(20)[0] {
                2 => list.numbers = message.ints(3).into_iter().map(|value| value as f64).collect(),
                3 => list.texts = message.texts(4),
                4 => list = tensor(&message.messages(5)[0]),
                6 => {
                    let float =
                        |f: &Field| if let Field::Float(f) = f { f64::from(*f) } else { panic!("{f:?}") };
                    list.numbers = message.all(7).iter().map(float).collect();
                }
                7 => list.numbers = message.ints(8).into_iter().map(|value| value as f64).collect(),
                8 => list.texts = message.texts(9),
                kind => panic!("an attribute of type {kind}"),
            }
            (message.texts(1)[0].clone(), list)
        };
        Node {
            operator: message.texts(4)[0].clone(),
            domain: message.texts(7).concat(),
            inputs: message.texts(1),
            output: message.texts(2)[0].clone(),
            attributes: message.messages(5).iter().map(attribute).collect(),
        }
    }

    pub(crate) fn numbers(&self, name: &str) -> &[f64] {
        self.attributes.get(name).map_or(&[], |list| &list.numbers)
    }
}

/// An input or an output: its name, its type, and its columns.
pub(crate) type Info = (String, i64, Option<i64>);

pub(crate) struct Model {
    pub(crate) ir_version: i64,
    /// Versions of the domains.
    pub(crate) versions: BTreeMap<String, i64>,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) initializers: BTreeMap<String, List>,
    pub(crate) inputs: Vec<Info>,
    pub(crate) outputs: Vec<Info>,
}

fn info(message: &Message) -> Info {
    let tensor = message.messages(2)[0].messages(1)[0].clone();
    let axes = tensor.messages(2)[0].messages(1);
    assert_eq!(axes[0].texts(2), ["N"]);
    (message.texts(1)[0].clone(), tensor.ints(1)[0], axes.get(1).map(|axis| axis.ints(1)[0]))
}

impl Model {
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let model = Message::read(bytes);
        let graph = model.messages(7)[0].clone();
        let named = |message: &Message| (message.texts(8)[0].clone(), tensor(message));
        let versions = model.messages(8).into_iter().map(|set| (set.texts(1).concat(), set.ints(2)[0]));
        let metadata = model
            .messages(14)
            .into_iter()
            .map(|entry| (entry.texts(1)[0].clone(), entry.texts(2)[0].clone()));
        Model {
            ir_version: model.ints(1)[0],
            versions: versions.collect(),
            metadata: metadata.collect(),
            nodes: graph.messages(1).iter().map(Node::read).collect(),
            initializers: graph.messages(5).iter().map(named).collect(),
            inputs: graph.messages(11).iter().map(info).collect(),
            outputs: graph.messages(12).iter().map(info).collect(),
        }
    }

    /// Runs the graph on one row, as the specification of each operator says, in `f64`.
    pub(crate) fn run(&self, row: &[f64]) -> BTreeMap<String, List> {
        let mut known = self.initializers.clone();
        known.insert("input".to_owned(), List { numbers: row.to_vec(), ..List::default() });
        for node in &self.nodes {
            let inputs: Vec<&List> = node.inputs.iter().map(|name| &known[name]).collect();
            let output = operate(node, &inputs);
            assert!(known.insert(node.output.clone(), output).is_none(), "{} comes twice", node.output);
        }
        known
    }
}

fn operate(node: &Node, inputs: &[&List]) -> List {
    let first = &inputs[0].numbers;
    let both = |of: &dyn Fn(f64, f64) -> f64| {
        let second = &inputs[1].numbers;
        let n = first.len().max(second.len());
        (0..n).map(|at| of(first[at % first.len()], second[at % second.len()])).collect()
    };
    let numbers: Vec<f64> = match node.operator.as_str() {
        "TreeEnsemble" => double(node, first),
        "TreeEnsembleRegressor" => single(node, first),
        "Identity" => first.clone(),
        "Exp" => first.iter().map(|value| value.exp()).collect(),
        "Add" => both(&|a, b| a + b),
        "Sub" => both(&|a, b| a - b),
        "Mul" => both(&|a, b| a * b),
        "Div" => both(&|a, b| a / b),
        "Concat" => inputs.iter().flat_map(|list| list.numbers.clone()).collect(),
        "Softmax" => {
            let largest = first.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let shares: Vec<f64> = first.iter().map(|score| (score - largest).exp()).collect();
            let total: f64 = shares.iter().sum();
            shares.into_iter().map(|share| share / total).collect()
        }
        "ArgMax" => {
            let largest = first.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            vec![first.iter().position(|&value| value == largest).unwrap() as f64]
        }
        "Gather" => {
            let texts = inputs[1].numbers.iter().map(|&at| inputs[0].texts[at as usize].clone()).collect();
            return List { texts, ..List::default() };
        }
        other => panic!("the operator {other} is not written"),
    };
    List { numbers, ..List::default() }
}

fn double(node: &Node, row: &[f64]) -> Vec<f64> {
    assert_eq!((node.domain.as_str(), node.numbers("aggregate_function")), ("ai.onnx.ml", &[1.0][..]));
    let list = |name: &str| node.numbers(name);
    let sets: Vec<&[f64]> = list("membership_values").split(|value| value.is_nan()).collect();
    let members = |at: usize| {
        let before = list("nodes_modes")[..at].iter().filter(|&&mode| mode == 6.0).count();
        sets[before]
    };
    let mut scores = vec![0.0; node.numbers("n_targets")[0] as usize];
    for &root in list("tree_roots") {
        let mut at = root as usize;
        let leaf = loop {
            let value = row[list("nodes_featureids")[at] as usize];
            let split = list("nodes_splits")[at];
            let is = match list("nodes_modes")[at] {
                0.0 => value <= split,
                1.0 => value < split,
                6.0 => members(at).contains(&value),
                mode => panic!("mode {mode} is not written"),
            };
            let missing = list("nodes_missing_value_tracks_true")[at] == 1.0;
            let side = if is || missing && value.is_nan() { "true" } else { "false" };
            let next = list(&format!("nodes_{side}nodeids"))[at] as usize;
            if list(&format!("nodes_{side}leafs"))[at] == 1.0 {
                break next;
            }
            at = next;
        };
        scores[list("leaf_targetids")[leaf] as usize] += list("leaf_weights")[leaf];
    }
    scores
}

fn single(node: &Node, row: &[f64]) -> Vec<f64> {
    assert_eq!(
        (node.domain.as_str(), node.attributes["aggregate_function"].texts[0].as_str()),
        ("ai.onnx.ml", "SUM")
    );
    let list = |name: &str| node.numbers(name);
    let n_nodes = list("nodes_nodeids").len();
    let place: BTreeMap<(i64, i64), usize> = (0..n_nodes)
        .map(|at| ((list("nodes_treeids")[at] as i64, list("nodes_nodeids")[at] as i64), at))
        .collect();
    assert_eq!(place.len(), n_nodes);
    let mut scores = node.numbers("base_values").to_vec();
    for tree in 0..list("nodes_treeids").last().map_or(0, |&last| last as i64 + 1) {
        let mut at = place[&(tree, 0)];
        loop {
            let (value, split) = (row[list("nodes_featureids")[at] as usize], list("nodes_values")[at]);
            let is = match node.attributes["nodes_modes"].texts[at].as_str() {
                "BRANCH_LEQ" => value <= split,
                "BRANCH_LT" => value < split,
                "BRANCH_EQ" => value == split,
                "LEAF" => break,
                mode => panic!("mode {mode} is not written"),
            };
            let missing = list("nodes_missing_value_tracks_true")[at] == 1.0;
            let side = if is || missing && value.is_nan() { "true" } else { "false" };
            at = place[&(tree, list(&format!("nodes_{side}nodeids"))[at] as i64)];
        }
        let number = list("nodes_nodeids")[at];
        let vote = (0..list("target_ids").len())
            .find(|&vote| {
                list("target_treeids")[vote] as i64 == tree && list("target_nodeids")[vote] == number
            })
            .unwrap();
        scores[list("target_ids")[vote] as usize] += list("target_weights")[vote];
    }
    scores
}
