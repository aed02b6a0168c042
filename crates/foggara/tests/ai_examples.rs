//! What the examples cost and answer on a running chain, asked as a wallet asks.
//!
//! The classifier is the committed int8 network: its weights go into the code of two accounts, the 1,000
//! committed images are classified by `eth_call` and again in transactions, and every logit must be the one
//! that ONNX Runtime gave. The federated rounds combine 32 stored updates of 10,000 elements; their gas is
//! held against the committed assembly baselines.

use alloy::{
    network::TransactionBuilder as _,
    primitives::{Address, B256, Bytes, U256, keccak256},
    providers::{DynProvider, Provider as _, ProviderBuilder},
    rpc::types::{TransactionReceipt, TransactionRequest, state::StateOverridesBuilder},
    sol_types::{SolCall as _, SolConstructor as _, SolEvent as _, SolValue as _},
};
use foggara::{RpcOptions, SequencerBuilder, SequencerHandle, dev_signer};
use foggara_bindings::abi::{FedAvgRound, FoggaraTensor, MedianRound, MlpClassifier};
use foggara_onnx::{Function, LinearCall, Model, lower};
use foggara_primitives::addresses::AI_TENSOR;
use foggara_testkit::{Account, TxParams};
use std::path::PathBuf;

const IMAGES: usize = 1_000;
const PIXELS: usize = 784;
const CLASSES: usize = 10;
/// Rows of the first layer in the first account: an account holds 24,575 bytes.
const ROWS: usize = 16;
/// Gas of a call to an account that was not touched before (EIP-2929).
const COLD_ACCOUNT: u64 = 2_600;

/// A development chain and whoever uses it.
struct Chain {
    node: SequencerHandle,
    rpc: DynProvider,
    user: Account,
    id: u64,
}

impl Chain {
    async fn start() -> Self {
        let builder = SequencerBuilder::dev().rpc(RpcOptions::dev(0));
        let node = builder.launch().await.unwrap();
        let url = format!("http://{}", node.rpc_addr().unwrap());
        let rpc = ProviderBuilder::new().connect_http(url.parse().unwrap());
        Self {
            id: node.chain().spec.rollup.l2_chain_id,
            rpc: rpc.erased(),
            user: Account::new(dev_signer(0)),
            node,
        }
    }

    /// Sends a transaction and waits for its block.
    async fn send(&mut self, params: &TxParams) -> TransactionReceipt {
        let raw = self.user.sign(self.id, params);
        let ticket = self.node.submit(raw).await.unwrap();
        ticket.preconfirmed().await.unwrap();
        self.receipt(ticket.hash()).await
    }

    async fn receipt(&self, hash: B256) -> TransactionReceipt {
        let receipt = self.rpc.get_transaction_receipt(hash).await.unwrap();
        let receipt = receipt.unwrap();
        assert!(receipt.status(), "{hash}");
        receipt
    }

    async fn deploy(&mut self, init_code: Vec<u8>) -> Address {
        let params = TxParams::create(init_code.into(), 15_000_000);
        self.send(&params).await.contract_address.unwrap()
    }

    /// An account whose code is a zero byte and `data`.
    async fn deploy_data(&mut self, data: &[u8]) -> Address {
        // PUSH2 size, DUP1, PUSH1 10, PUSH0, CODECOPY, PUSH0, RETURN
        let size = u16::try_from(data.len() + 1).unwrap().to_be_bytes();
        let mut code = vec![
            0x61, size[0], size[1], 0x80, 0x60, 10, 0x5f, 0x39, 0x5f, 0xf3,
        ];
        code.push(0);
        code.extend(data);
        self.deploy(code).await
    }

    async fn call(&self, to: Address, input: Vec<u8>) -> Bytes {
        let request = TransactionRequest::default().with_to(to).with_input(input);
        self.rpc.call(request).await.unwrap()
    }

    /// Gas that a call executes, as the first of its transaction and without the intrinsic gas: what the
    /// GAS instruction shows before and after.
    async fn executed(&self, to: Address, input: &[u8]) -> u64 {
        // Copies what follows the first word of the calldata, calls the account in that word with it, and
        // returns the gas that went and whether the call succeeded.
        let meter = alloy::primitives::hex!(
            "36602090038060205f375a5f5f835f5f5f355af15a82035f5260205260405ff3"
        );
        let at = Address::repeat_byte(0x9e);
        let mut data = to.into_word().to_vec();
        data.extend_from_slice(input);
        let request = TransactionRequest::default().with_to(at).with_input(data);
        let with_meter = StateOverridesBuilder::default().with_code(at, meter.to_vec());
        let call = self.rpc.call(request).overrides(with_meter.build());
        let (gas, success) = <(U256, U256)>::abi_decode(&call.await.unwrap()).unwrap();
        assert_eq!(success, U256::ONE, "the call succeeds");
        gas.to::<u64>() - COLD_ACCOUNT
    }
}

fn testdata(name: &str) -> Vec<u8> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../../testdata/onnx", name]
        .iter()
        .collect();
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Bytes of a constant of the plan.
fn tensor<'a>(model: &'a Model, name: &str) -> &'a [u8] {
    &model.tensors[model.plan.tensor(name).unwrap()].bytes
}

fn layers(model: &Model) -> [&LinearCall; 2] {
    let all: Vec<_> = model.plan.calls.iter().map(|call| &call.function).collect();
    match all[..] {
        [Function::Linear(first), Function::Linear(second)] => [first, second],
        _ => panic!("two linear layers"),
    }
}

/// Weights, biases and scales of some rows, as the classifier expects them in code.
fn packed(model: &Model, layer: &LinearCall, rows: std::ops::Range<usize>) -> Vec<u8> {
    let k = layer.k as usize;
    let scales = tensor(model, layer.scales.as_ref().unwrap());
    assert_eq!(scales.len(), 4, "one scale for the layer");
    let bias = tensor(model, layer.bias.as_ref().unwrap());
    [
        &tensor(model, &layer.w)[rows.start * k..rows.end * k],
        &bias[rows.start * 4..rows.end * 4],
        scales,
    ]
    .concat()
}

async fn deploy_classifier(chain: &mut Chain, model: &Model) -> Address {
    let [first, second] = layers(model);
    let hidden = first.n as usize;
    let account1 = chain.deploy_data(&packed(model, first, 0..ROWS)).await;
    let rest = [
        packed(model, first, ROWS..hidden),
        packed(model, second, 0..CLASSES),
    ];
    let account2 = chain.deploy_data(&rest.concat()).await;
    let constructor = MlpClassifier::constructorCall {
        shape: MlpClassifier::MlpShape {
            kind: first.kind,
            inputs: first.k,
            hidden: first.n,
            classes: second.n,
            zx: first.zx,
            zw1: first.zw,
            zh: first.zy,
            loHidden: first.lo,
            hiHidden: first.hi,
            zw2: second.zw,
            zy: second.zy,
            isPerChannel: false,
        },
        rows: u32::try_from(ROWS).unwrap(),
        account1,
        account2,
    };
    let mut code = MlpClassifier::BYTECODE.to_vec();
    code.extend(constructor.abi_encode());
    chain.deploy(code).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_images_have_the_logits_of_onnx_runtime() {
    let model = lower(&testdata("mlp_qdq_per_tensor.onnx")).unwrap();
    let mut chain = Chain::start().await;
    let classifier = deploy_classifier(&mut chain, &model).await;

    let pixels: Vec<f32> = testdata("images.bin")
        .iter()
        .map(|pixel| f32::from(*pixel) / 255.0)
        .collect();
    let inputs = model.plan.input.quantise(&pixels).unwrap();
    assert_eq!(inputs.len(), IMAGES * PIXELS);
    let expected: Vec<f32> = testdata("mlp_qdq_per_tensor.logits.bin")
        .as_chunks()
        .0
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect();
    let same = |image: usize, logits: &[u8]| {
        let got = model.plan.output.dequantise(logits).unwrap();
        assert_eq!(got, expected[image * CLASSES..][..CLASSES], "image {image}");
    };

    // In transactions, all under way at once.
    let mut tickets = Vec::with_capacity(IMAGES);
    for x in inputs.chunks(PIXELS) {
        let call = MlpClassifier::classifyCall {
            x: x.to_vec().into(),
        };
        let params = TxParams::call(classifier, call.abi_encode(), 100_000);
        let raw = chain.user.sign(chain.id, &params);
        tickets.push(chain.node.submit(raw).await.unwrap());
    }
    for (image, x) in inputs.chunks(PIXELS).enumerate() {
        let call = MlpClassifier::logitsCall {
            x: x.to_vec().into(),
        };
        let answer = chain.call(classifier, call.abi_encode()).await;
        same(
            image,
            &MlpClassifier::logitsCall::abi_decode_returns(&answer).unwrap(),
        );
    }
    let mut dearest = 0;
    for (image, ticket) in tickets.iter().enumerate() {
        ticket.preconfirmed().await.unwrap();
        let receipt = chain.receipt(ticket.hash()).await;
        let log = &receipt.logs()[0];
        let event = MlpClassifier::Classified::decode_log(&log.inner).unwrap();
        same(image, &event.logits);
        dearest = dearest.max(receipt.gas_used);
    }

    let dense = MlpClassifier::predictCall {
        x: vec![0x55; PIXELS].into(),
    };
    let executed = chain.executed(classifier, &dense.abi_encode()).await;
    let call = MlpClassifier::classifyCall {
        x: vec![0x55; PIXELS].into(),
    };
    let params = TxParams::call(classifier, call.abi_encode(), 100_000);
    let transaction = chain.send(&params).await.gas_used;
    let baseline = baseline("mlp 784-32-10 i8");
    println!(
        "classifier: {executed} gas executed, {:.0}x less than the baseline; transaction with {PIXELS} dense bytes \
         {transaction}, dearest image {dearest}",
        baseline as f64 / executed as f64
    );
    assert!(executed <= 15_000, "{executed}");
    assert!(
        transaction.max(dearest) <= 55_000,
        "{transaction} {dearest}"
    );
    chain.node.stop().await.unwrap();
}

/// Gas of a committed baseline.
fn baseline(name: &str) -> u64 {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../contracts/snapshots/baselines.json"
    );
    let all: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    all[name].as_str().unwrap().parse().unwrap()
}

const CLIENTS: usize = 32;
const ELEMENTS: usize = 10_000;

/// The update of a client: numbers up to 2^27.
fn update(client: usize) -> Vec<i32> {
    let number = |index: usize| {
        let hash = keccak256([client, index].map(usize::to_be_bytes).concat());
        i32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]) >> 4
    };
    (0..ELEMENTS).map(number).collect()
}

fn away(n: i64, d: i64) -> i32 {
    let q = (2 * n.abs() + d) / (2 * d);
    i32::try_from(q * n.signum()).unwrap()
}

/// Constructor arguments that are integers.
fn words(integers: &[u64]) -> Vec<u8> {
    let words = integers.iter().map(|n| U256::from(*n).to_be_bytes::<32>());
    words.flatten().collect()
}

fn numbers(bytes: &[u8]) -> Vec<i32> {
    let chunks = bytes.as_chunks().0.iter();
    chunks.map(|bytes| i32::from_le_bytes(*bytes)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn rounds_of_stored_updates_cost_a_hundredth_of_assembly() {
    let mut chain = Chain::start().await;
    let updates: Vec<Vec<i32>> = (0..CLIENTS).map(update).collect();
    let mut ids = Vec::new();
    for update in &updates {
        let bytes = update.iter().flat_map(|number| number.to_le_bytes());
        let put = FoggaraTensor::putCall {
            dtype: 6,
            dims: vec![u32::try_from(ELEMENTS).unwrap()],
            epochs: 2,
            data: [0].into_iter().chain(bytes).collect(),
        };
        let params = TxParams::call(AI_TENSOR, put.abi_encode(), 5_000_000);
        let receipt = chain.send(&params).await;
        ids.push(receipt.logs()[0].topics()[1]);
    }
    let samples: Vec<i32> = (1..).take(CLIENTS).collect();

    let d = u32::try_from(ELEMENTS).unwrap();
    let mut code = FedAvgRound::BYTECODE.to_vec();
    code.extend(words(&[6, d.into(), 3, 86_400]));
    let round = chain.deploy(code).await;
    let average = FedAvgRound::averageCall {
        ids: ids.clone(),
        samples: samples.clone(),
    };
    let answer = chain.call(round, average.abi_encode()).await;
    let got = numbers(&FedAvgRound::averageCall::abi_decode_returns(&answer).unwrap());
    let weights: i64 = samples.iter().map(|weight| i64::from(*weight)).sum();
    for (index, got) in got.iter().enumerate() {
        let terms = updates.iter().zip(&samples);
        let sum: i64 = terms
            .map(|(u, weight)| i64::from(u[index]) * i64::from(*weight))
            .sum();
        assert_eq!(*got, away(sum, weights), "element {index}");
    }
    let executed = chain.executed(round, &average.abi_encode()).await;
    let ratio = baseline("fedavg 32 x 10000 i32") / executed;
    println!("FedAvg 32 x 10,000 i32 by cold handles: {executed} gas executed, {ratio}x less");
    assert!(ratio >= 120, "{ratio}");

    let mut code = MedianRound::BYTECODE.to_vec();
    code.extend(words(&[6, d.into(), 3, 86_400, 0, 0]));
    let round = chain.deploy(code).await;
    let median = MedianRound::medianCall { ids };
    let answer = chain.call(round, median.abi_encode()).await;
    let got = numbers(&MedianRound::medianCall::abi_decode_returns(&answer).unwrap());
    for (index, got) in got.iter().enumerate() {
        let mut column: Vec<i64> = updates.iter().map(|u| i64::from(u[index])).collect();
        column.sort_unstable();
        assert_eq!(*got, away(column[15] + column[16], 2), "element {index}");
    }
    let executed = chain.executed(round, &median.abi_encode()).await;
    for name in [
        "median 32 x 10000 i32 (20 times that of 500)",
        "median 32 x 10000 i32, plain Solidity (50 times that of 200)",
    ] {
        let ratio = baseline(name) / executed;
        println!(
            "median 32 x 10,000 i32 by cold handles: {executed} gas executed, {ratio}x less than {name}"
        );
        assert!(ratio >= 1_500, "{ratio}");
    }
    chain.node.stop().await.unwrap();
}
