//! Models that runtimes of ONNX read.

use perennial_core::{Error, Result};

use super::model::{Link, TreeModel};
use super::onnx_graph::{Attribute, Graph, Kind, Node, Tensor};
use super::onnx_trees::{self, DOMAIN};
use super::protobuf::Message;

/// What a Protocol Buffer may hold: runtimes read no more.
const MOST_BYTES: usize = i32::MAX as usize;
/// How far beyond 0 or 1 the rounding of `f32` takes sums of shares.
const ROUNDING: f64 = 1e-5;

/// How [`TreeModel::to_onnx`] writes a model.
///
/// ```
/// use perennial_models::interchange::OnnxOptions;
///
/// let options = OnnxOptions::new().labels(["no", "yes"]).single_precision();
/// assert_ne!(options, OnnxOptions::new());
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OnnxOptions {
    single: bool,
    answers: Answers,
}

#[derive(Clone, Debug, Default, PartialEq)]
enum Answers {
    /// Classes where the link gives probabilities, else numbers.
    #[default]
    OfLink,
    Values,
    Labels(Vec<String>),
}

impl OnnxOptions {
    /// Double precision, and the answers that the link of the model gives.
    pub fn new() -> Self {
        OnnxOptions::default()
    }

    /// The classes have these names, in the order of the answers; two where the model has one answer, which is the probability of the
    /// second. Without them they are the numbers from 0 on. Needed for forests and single trees that classify; where an answer could
    /// lie outside of 0 to 1, it is no probability, and names are refused.
    #[must_use]
    pub fn labels<T: Into<String>>(mut self, labels: impl IntoIterator<Item = T>) -> Self {
        self.answers = Answers::Labels(labels.into_iter().map(Into::into).collect());
        self
    }

    /// The answers are written as numbers, also where they are probabilities.
    #[must_use]
    pub fn values(mut self) -> Self {
        self.answers = Answers::Values;
        self
    }

    /// The input and all numbers of the model are `f32`, for runtimes that know no other. Thresholds are rounded down, so that every
    /// `f32` goes the same way. Leaves are rounded and the runtime adds them in `f32`, so answers lose digits with the number of
    /// trees: of thousands of trees some four or five digits are left.
    #[must_use]
    pub fn single_precision(mut self) -> Self {
        self.single = true;
        self
    }
}

impl TreeModel {
    /// The model as an ONNX file: the bytes of a `ModelProto`.
    ///
    /// It takes `input`, `n_rows` x `n_features` numbers in the order of the columns, whose names are in the metadata as
    /// `feature_names`, a list in JSON; NaN is a missing value, and categories are whole numbers. It gives what
    /// [`predict`](perennial_core::Predictor::predict) gives: as `variable`, `n_rows` x `n_outputs`; or, where the answers are
    /// probabilities, as `probabilities`, `n_rows` x `n_classes`, of two classes both, beside `label`, the most probable class.
    ///
    /// In double precision the trees are a `TreeEnsemble` of `ai.onnx.ml` version 5 (checked with onnxruntime 1.32) with the same
    /// thresholds, leaves and sets of categories, so that nothing is rounded but sums, whose order is the runtime's. In
    /// [single precision](OnnxOptions::single_precision) they are a `TreeEnsembleRegressor` of version 3, which older runtimes know.
    /// Runtimes load trees by recursion, about a thousand questions deep for each megabyte of the stack.
    ///
    /// ```
    /// use perennial_models::interchange::{OnnxOptions, TreeModel};
    ///
    /// # let text = "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=0\nobjective=binary sigmoid:1\n\
    /// #     feature_names=age\nfeature_infos=[0:90]\n\n\
    /// #     Tree=0\nnum_leaves=2\nnum_cat=0\nsplit_feature=0\nsplit_gain=4\nthreshold=30.5\ndecision_type=8\n\
    /// #     left_child=-1\nright_child=-2\nleaf_value=-1 1\nleaf_weight=5 5\nleaf_count=20 20\n\
    /// #     internal_value=0\ninternal_weight=10\ninternal_count=40\nis_linear=0\nshrinkage=1\n\n\nend of trees\n";
    /// let model = TreeModel::from_lightgbm(text)?;
    /// let bytes = model.to_onnx(&OnnxOptions::new().labels(["stays", "leaves"]))?; // for `std::fs::write("model.onnx", bytes)`
    /// assert!(bytes.windows(12).any(|part| part == b"TreeEnsemble"));
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When labels are not as many as the classes of the model, or an answer could lie outside of 0 to 1; when the model has no
    /// columns; in single precision, when a leaf or the slope of the link is out of the range of `f32`, a category is from 2^24 on, or
    /// large sets of categories make a way through a tree longer than 500 questions, as each category is a question there; when the
    /// file would have 2^31 bytes.
    pub fn to_onnx(&self, options: &OnnxOptions) -> Result<Vec<u8>> {
        let (ensemble, n_outputs) = (self.ensemble(), self.ensemble().n_outputs());
        if ensemble.n_features() == 0 {
            return Err(Error::unsupported("the model has no columns; a model of ONNX needs one to ask for"));
        }
        let trees = self.rounds_to_write();
        let n_questions = onnx_trees::n_questions(&trees);
        // A category of a set is a number; in single precision it is a node.
        let least = if options.single { 28 } else { 8 };
        if n_questions > MOST_BYTES as u64 / least {
            return Err(Error::too_large(format!(
                "the trees have {n_questions} nodes and categories, which are more than the {MOST_BYTES} bytes of a model of ONNX hold"
            )));
        }
        if let (true, Link::Logistic { slope }) = (options.single, self.link())
            && !(slope as f32).is_normal()
        {
            return Err(Error::unsupported(format!(
                "the slope of the link is {slope:?}, which f32 cannot hold; write the model in double precision"
            )));
        }
        let mut writer = Writer { graph: Graph::default(), single: options.single };
        writer.graph.input("input", writer.kind(), ensemble.n_features());
        writer.graph.node(match options.single {
            false => onnx_trees::double(&trees, ensemble.base(), "input", "scores"),
            true => onnx_trees::single(&trees, ensemble.base(), "input", "scores")?,
        });
        let answers = writer.link(self.link());
        match self.labels(options)? {
            None => writer.values(answers, n_outputs),
            Some(labels) => writer.classes(answers, n_outputs, &labels),
        }
        let names: Vec<&str> = self.features().names().collect();
        let names = serde_json::to_string(&names).map_err(Error::other)?;
        let (ir, opset, ml) = if options.single { (7, 13, 3) } else { (10, 21, 5) };
        let model = Message::new()
            .int(1, ir)
            .text(2, "perennial")
            .text(3, env!("CARGO_PKG_VERSION"))
            .message(7, writer.graph.message())
            .message(8, Message::new().text(1, "").int(2, opset))
            .message(8, Message::new().text(1, DOMAIN).int(2, ml))
            .message(14, Message::new().text(1, "feature_names").text(2, &names))
            .into_bytes();
        if model.len() > MOST_BYTES {
            return Err(Error::too_large(format!(
                "the model has {} bytes as ONNX, which reads no more than {MOST_BYTES}",
                model.len()
            )));
        }
        Ok(model)
    }

    /// The names of the classes, empty where they are numbered; `None` where the answers are numbers.
    fn labels(&self, options: &OnnxOptions) -> Result<Option<Vec<String>>> {
        let n_classes = self.ensemble().n_outputs().max(2);
        match (&options.answers, self.link()) {
            (Answers::Values, _) | (Answers::OfLink, Link::Identity | Link::Exp) => Ok(None),
            (Answers::OfLink, _) => Ok(Some(Vec::new())),
            (Answers::Labels(_), Link::Exp) => Err(Error::unsupported(
                "the answers are exponentials of scores, which are no probabilities; leave the labels out",
            )),
            (Answers::Labels(labels), _) if labels.len() != n_classes => Err(Error::invalid_param(
                "labels",
                labels.len(),
                format!("{n_classes} names, one for each class"),
            )),
            (Answers::Labels(labels), Link::Identity) => match self.beyond_shares() {
                None => Ok(Some(labels.clone())),
                Some((low, high)) => Err(Error::unsupported(format!(
                    "an answer can be from {low:?} to {high:?}, so it is no probability; leave the labels out"
                ))),
            },
            (Answers::Labels(labels), _) => Ok(Some(labels.clone())),
        }
    }

    /// Between which bounds the leaves keep a score, where that is not between 0 and 1 but for rounding. Forests and single trees that
    /// classify stay there: their leaves are shares, each divided by the number of trees.
    fn beyond_shares(&self) -> Option<(f64, f64)> {
        let ensemble = self.ensemble();
        let mut bounds: Vec<(f64, f64)> = ensemble.base().iter().map(|&base| (base, base)).collect();
        for (index, tree) in ensemble.trees().iter().enumerate() {
            let leaves = (0..tree.n_nodes()).filter(|&node| tree.feature(node).is_none());
            let (low, high) = leaves
                .map(|leaf| tree.value(leaf)[0])
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                    (low.min(value), high.max(value))
                });
            let bound = &mut bounds[index % ensemble.n_outputs()];
            *bound = (bound.0 + low, bound.1 + high);
        }
        bounds.into_iter().find(|&(low, high)| low < -ROUNDING || high > 1.0 + ROUNDING)
    }
}

/// A graph whose numbers are all of one precision.
struct Writer {
    graph: Graph,
    single: bool,
}

impl Writer {
    fn kind(&self) -> Kind {
        if self.single { Kind::Float } else { Kind::Double }
    }

    fn constant(&mut self, name: &str, value: f64) {
        if self.single {
            self.graph.initializer(name, &Tensor::Float(&[value as f32]));
        } else {
            self.graph.initializer(name, &Tensor::Double(&[value]));
        }
    }

    fn operator(&mut self, operator: &str, inputs: &[&str], output: &'static str) -> &'static str {
        self.graph.node(Node::new(operator, "", inputs, output));
        output
    }

    /// Turns scores into answers, and says what they are called.
    fn link(&mut self, link: Link) -> &'static str {
        match link {
            Link::Identity => "scores",
            Link::Exp => self.operator("Exp", &["scores"], "exponentials"),
            Link::Softmax => {
                self.graph
                    .node(Node::new("Softmax", "", &["scores"], "shares").with("axis", Attribute::Int(1)));
                "shares"
            }
            // `Sigmoid` of onnxruntime is cut off far from 0, where small probabilities lose all digits.
            Link::Logistic { slope } => {
                self.constant("minus_slope", -slope);
                self.constant("one", 1.0);
                self.operator("Mul", &["scores", "minus_slope"], "exponents");
                self.operator("Exp", &["exponents"], "odds_against");
                self.operator("Add", &["odds_against", "one"], "parts");
                self.operator("Div", &["one", "parts"], "shares")
            }
        }
    }

    fn values(&mut self, answers: &str, n_outputs: usize) {
        self.operator("Identity", &[answers], "variable");
        self.graph.output("variable", self.kind(), Some(n_outputs));
    }

    fn classes(&mut self, answers: &str, n_outputs: usize, labels: &[String]) {
        if n_outputs == 1 {
            self.constant("whole", 1.0);
            self.operator("Sub", &["whole", answers], "others");
            self.graph.node(
                Node::new("Concat", "", &["others", answers], "probabilities")
                    .with("axis", Attribute::Int(1)),
            );
        } else {
            self.operator("Identity", &[answers], "probabilities");
        }
        let place = if labels.is_empty() { "label" } else { "place" };
        self.graph.node(
            Node::new("ArgMax", "", &["probabilities"], place)
                .with("axis", Attribute::Int(1))
                .with("keepdims", Attribute::Int(0)),
        );
        if labels.is_empty() {
            self.graph.output("label", Kind::Int64, None);
        } else {
            self.graph.initializer("labels", &Tensor::Texts(labels));
            self.operator("Gather", &["labels", place], "label");
            self.graph.output("label", Kind::Text, None);
        }
        self.graph.output("probabilities", self.kind(), Some(n_outputs.max(2)));
    }
}
