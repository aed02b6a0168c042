//! From protobuf to a graph whose names are known to be sound: each value is made once, before it is
//! used.

use crate::{
    OnnxError, Refusal, proto,
    tensor::{Constant, Data},
};
use prost::Message;
use std::collections::BTreeMap;

/// Versions of ONNX's own operators whose meaning for our operators is the same.
const OPSETS: std::ops::RangeInclusive<i64> = 10..=24;

/// A loaded model.
#[derive(Debug)]
pub(crate) struct Graph {
    pub(crate) name: String,
    pub(crate) opset: i64,
    pub(crate) producer: String,
    pub(crate) input: Port,
    pub(crate) output: Port,
    pub(crate) constants: BTreeMap<String, Constant>,
    pub(crate) nodes: Vec<Node>,
    /// How often each value is read, by nodes and as the graph's output.
    pub(crate) uses: BTreeMap<String, usize>,
}

/// Input or output of the graph.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Port {
    pub(crate) name: String,
    /// Element type as ONNX numbers it.
    pub(crate) dtype: i32,
    /// Dimensions; `None` is symbolic. No shape at all is an error for an input.
    pub(crate) dims: Option<Vec<Option<u64>>>,
}

/// An operator.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) operator: String,
    pub(crate) name: String,
    /// Empty names are absent inputs.
    pub(crate) inputs: Vec<String>,
    pub(crate) output: String,
    pub(crate) attributes: BTreeMap<String, Attribute>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Attribute {
    Int(i64),
    Float(f32),
    Tensor(Constant),
    Other(i32),
}

/// An attribute that an operator may have: its name, which values it may have, and those in words.
pub(crate) type Rule = (&'static str, fn(&Attribute) -> bool, &'static str);

impl Node {
    pub(crate) fn refuse(&self, reason: Refusal) -> OnnxError {
        OnnxError::Refused {
            operator: self.operator.clone(),
            node: self.name.clone(),
            reason,
        }
    }

    /// The input at `index`, if it is there.
    pub(crate) fn input(&self, index: usize) -> Option<&str> {
        self.inputs
            .get(index)
            .map(String::as_str)
            .filter(|name| !name.is_empty())
    }

    /// Checks that the node has `least` to `most` inputs.
    pub(crate) fn arity(&self, least: usize, most: usize) -> Result<(), OnnxError> {
        let present = (0..least).all(|index| self.input(index).is_some());
        if !present || self.inputs.len() > most {
            return Err(OnnxError::Invalid(format!(
                "{} `{}` has {} inputs",
                self.operator,
                self.name,
                self.inputs.len()
            )));
        }
        Ok(())
    }

    /// Refuses attributes other than these, and values other than what is expected of them.
    pub(crate) fn attributes(&self, known: &[Rule]) -> Result<(), OnnxError> {
        for (name, value) in &self.attributes {
            let rule = known.iter().find(|(known, ..)| known == name);
            let want = match rule {
                Some((_, allowed, _)) if allowed(value) => continue,
                Some((.., want)) => want,
                None => "absent",
            };
            let got = match value {
                Attribute::Int(value) => value.to_string(),
                Attribute::Float(value) => value.to_string(),
                Attribute::Tensor(value) => format!("a tensor {}", value.shape()),
                Attribute::Other(kind) => format!("of kind {kind}"),
            };
            return Err(self.refuse(Refusal::Attribute {
                name: name.clone(),
                got,
                want,
            }));
        }
        Ok(())
    }

    pub(crate) fn int(&self, name: &str, default: i64) -> i64 {
        match self.attributes.get(name) {
            Some(Attribute::Int(value)) => *value,
            _ => default,
        }
    }
}

/// Reads and checks a model.
///
/// # Errors
/// [`OnnxError`], all but the refusals that need to know what an operator means.
pub(crate) fn load(bytes: &[u8]) -> Result<Graph, OnnxError> {
    crate::scan::scan(bytes)?;
    let model = proto::ModelProto::decode(bytes)
        .map_err(|error| OnnxError::Malformed(error.to_string()))?;
    let opset = opset(&model)?;
    let graph = model
        .graph
        .ok_or_else(|| OnnxError::Invalid("no graph".into()))?;
    if !model.functions.is_empty() {
        return Err(refuse(
            &graph.name,
            Refusal::Storage("it defines functions of its own"),
        ));
    }
    if !graph.sparse_initializer.is_empty() {
        return Err(refuse(
            &graph.name,
            Refusal::Storage("it has sparse tensors"),
        ));
    }
    let mut constants = BTreeMap::new();
    for tensor in &graph.initializer {
        insert(&mut constants, &tensor.name, Constant::read(tensor)?)?;
    }
    // Files of old versions list constants among the inputs.
    let inputs = graph
        .input
        .iter()
        .filter(|input| !constants.contains_key(&input.name));
    let input = only(&graph.name, "inputs", inputs)?;
    let output = only(&graph.name, "outputs", graph.output.iter())?;
    let mut nodes = Vec::with_capacity(graph.node.len());
    for node in graph.node {
        let node = Node::read(node)?;
        if node.operator == "Constant" {
            let Some(Attribute::Tensor(value)) = node.attributes.get("value") else {
                return Err(node.refuse(Refusal::Storage("its value is not a tensor")));
            };
            insert(&mut constants, &node.output, value.clone())?;
        } else {
            nodes.push(node);
        }
    }
    let mut loaded = Graph {
        name: graph.name,
        opset,
        producer: model.producer_name,
        input,
        output,
        constants,
        nodes,
        uses: BTreeMap::new(),
    };
    loaded.check_names()?;
    Ok(loaded)
}

fn opset(model: &proto::ModelProto) -> Result<i64, OnnxError> {
    let mut own = None;
    for import in &model.opset_import {
        let (want, supported) = match import.domain.as_str() {
            "" | "ai.onnx" => {
                own = Some(import.version);
                ("10 to 24", OPSETS.contains(&import.version))
            }
            "com.microsoft" => ("1", import.version == 1),
            // An operator of another domain is refused where it stands.
            _ => continue,
        };
        if !supported {
            let domain = if import.domain.is_empty() {
                "ai.onnx"
            } else {
                &import.domain
            };
            let reason = Refusal::OperatorSet {
                domain: domain.into(),
                version: import.version,
                want,
            };
            return Err(refuse(domain, reason));
        }
    }
    own.ok_or_else(|| OnnxError::Invalid("no version of ONNX's operators".into()))
}

fn refuse(node: &str, reason: Refusal) -> OnnxError {
    OnnxError::Refused {
        operator: "model".into(),
        node: node.into(),
        reason,
    }
}

fn insert(
    constants: &mut BTreeMap<String, Constant>,
    name: &str,
    value: Constant,
) -> Result<(), OnnxError> {
    if name.is_empty() || constants.insert(name.into(), value).is_some() {
        return Err(OnnxError::Invalid(format!(
            "`{name}` is made twice or has no name"
        )));
    }
    Ok(())
}

fn only<'a>(
    graph: &str,
    what: &'static str,
    mut ports: impl Iterator<Item = &'a proto::ValueInfoProto>,
) -> Result<Port, OnnxError> {
    let first = ports.next();
    let got = usize::from(first.is_some()) + ports.count();
    let (Some(port), 1) = (first, got) else {
        return Err(refuse(graph, Refusal::Count { what, got }));
    };
    let tensor = port.r#type.as_ref().and_then(|t| t.tensor_type.as_ref());
    let tensor =
        tensor.ok_or_else(|| OnnxError::Invalid(format!("`{}` has no tensor type", port.name)))?;
    let dims = tensor.shape.as_ref().map(|shape| {
        let dims = shape.dim.iter();
        dims.map(|dim| dim.dim_value.and_then(|value| u64::try_from(value).ok()))
            .collect()
    });
    Ok(Port {
        name: port.name.clone(),
        dtype: tensor.elem_type,
        dims,
    })
}

impl Node {
    fn read(node: proto::NodeProto) -> Result<Self, OnnxError> {
        let operator = match node.domain.as_str() {
            "" | "ai.onnx" => node.op_type,
            domain => format!("{domain}.{}", node.op_type),
        };
        let output = node.output.first().cloned().unwrap_or_default();
        let name = if node.name.is_empty() {
            output.clone()
        } else {
            node.name
        };
        let mut attributes = BTreeMap::new();
        for attribute in node.attribute {
            let value = match (attribute.kind, &attribute.t) {
                (1, _) => Attribute::Float(attribute.f),
                (2, _) => Attribute::Int(attribute.i),
                (4, Some(tensor)) => Attribute::Tensor(Constant::read(tensor)?),
                (kind, _) => Attribute::Other(kind),
            };
            if attributes.insert(attribute.name.clone(), value).is_some() {
                return Err(OnnxError::Invalid(format!(
                    "{operator} `{name}` has attribute {} twice",
                    attribute.name
                )));
            }
        }
        let read = Self {
            operator,
            name,
            inputs: node.input,
            output,
            attributes,
        };
        if node.output.len() != 1 {
            // All operators that we map have one.
            return Err(read.refuse(Refusal::Operator));
        }
        Ok(read)
    }
}

impl Graph {
    /// Counts uses, and checks that every value is made once and before it is used.
    fn check_names(&mut self) -> Result<(), OnnxError> {
        let mut made: std::collections::BTreeSet<&str> =
            self.constants.keys().map(String::as_str).collect();
        let invalid = |name: &str, what| Err(OnnxError::Invalid(format!("`{name}` {what}")));
        if self.input.name.is_empty() || !made.insert(&self.input.name) {
            return invalid(&self.input.name, "is made twice or has no name");
        }
        for node in &self.nodes {
            for name in node.inputs.iter().filter(|name| !name.is_empty()) {
                if !made.contains(name.as_str()) {
                    return invalid(name, "is used before it is made");
                }
                *self.uses.entry(name.clone()).or_default() += 1;
            }
            if node.output.is_empty() || !made.insert(&node.output) {
                return invalid(&node.output, "is made twice or has no name");
            }
        }
        if !made.contains(self.output.name.as_str()) {
            return invalid(&self.output.name, "is used before it is made");
        }
        *self.uses.entry(self.output.name.clone()).or_default() += 1;
        Ok(())
    }
}

impl Constant {
    /// The elements as i64, for shapes.
    pub(crate) fn ints(&self) -> Option<&[i64]> {
        match &self.data {
            Data::I64(values) => Some(values),
            _ => None,
        }
    }
}
