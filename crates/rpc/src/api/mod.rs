//! The methods of a node by namespace.

mod basic;
mod blocks;
mod calls;
mod fees;
mod filters;
mod logs;
mod optimism;
mod raw;
mod rollup;
mod rollup_subscribe;
mod send;
mod state;
mod subscribe;
mod trace;
mod transactions;
mod txpool;

use crate::{
    Context, Limits,
    error::{code, error},
    node::{Node, Registry},
};
use jsonrpsee::{
    RpcModule,
    core::{RegisterMethodError, RpcResult},
};
use std::collections::BTreeSet;

/// Namespaces that every node serves.
const PUBLIC: [&str; 6] = ["eth", "net", "web3", "rpc", "optimism", "rollup"];
/// Namespaces that a node serves where it is told to.
const GATED: [&str; 2] = ["debug", "txpool"];

/// The methods of a node.
///
/// `api` names namespaces to serve beside the public ones (`eth`, `net`, `web3`, `rpc`, `optimism`,
/// `rollup`); `None` serves all of them, as in development. A method of a namespace that is not served
/// answers `-32601` and names the option.
///
/// # Errors
/// [`RegisterMethodError`]: a name was registered twice, which the tests of this crate exclude.
pub fn node_module(
    context: Context,
    api: Option<Vec<String>>,
) -> Result<RpcModule<()>, RegisterMethodError> {
    node_module_with(context, api, Limits::default())
}

/// As [`node_module`], with other limits.
///
/// # Errors
/// As [`node_module`].
pub fn node_module_with(
    context: Context,
    api: Option<Vec<String>>,
    limits: Limits,
) -> Result<RpcModule<()>, RegisterMethodError> {
    let served = |space: &str| {
        PUBLIC.contains(&space)
            || api
                .as_ref()
                .is_none_or(|extra| extra.iter().any(|s| s == space))
    };
    let mut registry = Registry(RpcModule::new(Node::new(context, limits)));
    basic::register(&mut registry)?;
    blocks::register(&mut registry)?;
    calls::register(&mut registry)?;
    fees::register(&mut registry)?;
    filters::register(&mut registry)?;
    logs::register(&mut registry)?;
    optimism::register(&mut registry)?;
    raw::register(&mut registry)?;
    rollup::register(&mut registry)?;
    rollup_subscribe::register(&mut registry)?;
    send::register(&mut registry)?;
    state::register(&mut registry)?;
    subscribe::register(&mut registry)?;
    trace::register(&mut registry)?;
    transactions::register(&mut registry)?;
    txpool::register(&mut registry)?;
    let mut module = registry.0;
    close(&mut module, served)?;
    modules(&mut module, served)?;
    Ok(module.remove_context())
}

/// Replaces methods that are not served by one that says how to get them.
fn close(
    module: &mut RpcModule<Node>,
    served: impl Fn(&str) -> bool,
) -> Result<(), RegisterMethodError> {
    let names: Vec<&'static str> = module.method_names().collect();
    for name in names {
        let Some((space, _)) = name.split_once('_') else {
            continue;
        };
        if served(space) {
            continue;
        }
        module.remove_method(name);
        module.register_method(name, move |_, _, _| -> RpcResult<()> {
            let message = format!(
                "Method not found: {name} is not served here, add it with --rpc.api {space}"
            );
            Err(error(code::METHOD_NOT_FOUND, message))
        })?;
    }
    Ok(())
}

fn modules(
    module: &mut RpcModule<Node>,
    served: impl Fn(&str) -> bool,
) -> Result<(), RegisterMethodError> {
    let mut spaces: BTreeSet<&'static str> = PUBLIC.into();
    spaces.extend(GATED.into_iter().filter(|space| served(space)));
    let answer: serde_json::Map<String, serde_json::Value> = spaces
        .into_iter()
        .map(|space| (space.to_owned(), "1.0".into()))
        .collect();
    module.register_method("rpc_modules", move |_, _, _| -> RpcResult<_> {
        Ok(answer.clone())
    })?;
    Ok(())
}
