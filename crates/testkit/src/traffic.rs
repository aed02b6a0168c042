//! Mixed traffic from a seed.

use crate::{
    Account, TxParams,
    ai::{AiCalls, script_init_code},
};
use alloy::{
    signers::local::PrivateKeySigner,
    sol_types::{SolCall, SolValue},
};
use alloy_primitives::{Address, B256, Bytes, U256, address};
use foggara_bindings::{
    Artifact,
    abi::{MatmulCaller, TestToken, Zoo},
};
use rand::{Rng, SeedableRng, rngs::StdRng};

/// What an offered transaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Ether to an account that exists or not.
    Transfer,
    /// The same in a type-0 or type-1 envelope.
    OldTransfer,
    /// A contract creation.
    Creation,
    /// An ERC-20 transfer.
    Erc20,
    /// A set-code transaction (EIP-7702).
    SetCode,
    /// A revert with a reason, a custom error, a panic, or nothing.
    Revert,
    /// Out of gas or an invalid instruction.
    Halt,
    /// A matrix product.
    Matmul,
    /// A contract that destroys itself in the transaction that made it.
    SelfDestruct,
    /// Storage writes, clears, logs.
    Storage,
    /// A call of the tensor store.
    Tensor,
    /// A call of an AI operation, operands by value or by handle.
    Operation,
    /// Nothing that a node may accept.
    Invalid,
}

/// A transaction to offer.
#[derive(Debug, Clone)]
pub struct Offer {
    /// EIP-2718 bytes.
    pub raw: Bytes,
    /// What it is.
    pub kind: Kind,
}

/// An endless stream of transactions.
#[derive(Debug)]
pub struct Traffic {
    chain_id: u64,
    accounts: Vec<Account>,
    rng: StdRng,
    token: Address,
    zoo: Address,
    matmul: Address,
    delegate: Address,
    ai: AiCalls,
    ai_percent: u32,
}

/// An account that nobody uses, to which things are sent.
const SINK: Address = address!("5157000000000000000000000000000000005157");

impl Traffic {
    /// Traffic of `signers`, which must be funded, distinct and unused.
    ///
    /// # Panics
    /// There are fewer than two of them.
    pub fn new(
        chain_id: u64,
        signers: impl IntoIterator<Item = PrivateKeySigner>,
        seed: u64,
    ) -> Self {
        let accounts: Vec<_> = signers.into_iter().map(Account::new).collect();
        assert!(accounts.len() >= 2, "traffic needs two accounts");
        // The tensors are the same under every seed, so that one run goes on where another stopped.
        let ai = AiCalls::new(&mut StdRng::seed_from_u64(0), Address::ZERO);
        Self {
            chain_id,
            accounts,
            rng: StdRng::seed_from_u64(seed),
            token: Address::ZERO,
            zoo: Address::ZERO,
            matmul: Address::ZERO,
            delegate: Address::ZERO,
            ai,
            ai_percent: 0,
        }
    }

    /// The same with so many calls of the AI operations and of the tensor store in a hundred.
    #[must_use]
    pub const fn with_ai(mut self, percent: u32) -> Self {
        self.ai_percent = percent;
        self
    }

    /// The deployments that everything else calls, from the first account, in order.
    pub fn setup(&mut self) -> Vec<Bytes> {
        let supply = U256::from(10u64).pow(U256::from(30));
        let arguments = ("Test", "TST", supply).abi_encode_params();
        let (deployer, nonce) = (self.accounts[0].address(), self.accounts[0].nonce);
        self.token = deployer.create(nonce);
        self.zoo = deployer.create(nonce + 1);
        self.matmul = deployer.create(nonce + 2);
        self.delegate = deployer.create(nonce + 3);
        self.ai.set_script(deployer.create(nonce + 4));
        let creations = [
            Artifact::test_token().init_code(&arguments),
            Artifact::zoo().init_code(&[]),
            Artifact::matmul_caller().init_code(&[]),
            Artifact::delegate().init_code(&[]),
            script_init_code(),
        ];
        let chain_id = self.chain_id;
        let mut out: Vec<Bytes> = creations
            .into_iter()
            .map(|code| self.accounts[0].sign(chain_id, &TxParams::create(code, 5_000_000)))
            .collect();
        let holders: Vec<Address> = self.accounts[1..].iter().map(Account::address).collect();
        let amount = U256::from(10u64).pow(U256::from(24));
        for to in holders {
            let call = TestToken::transferCall { to, value: amount }.abi_encode();
            out.push(self.accounts[0].sign(chain_id, &TxParams::call(self.token, call, 100_000)));
        }
        out
    }

    /// Sets every account's next nonce: to go on with accounts that were used before, or after
    /// transactions that were refused.
    pub fn set_nonces(&mut self, nonce: impl Fn(Address) -> u64) {
        for account in &mut self.accounts {
            account.nonce = nonce(account.address());
        }
    }

    /// The accounts with the nonces they use next.
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    /// The next transaction.
    pub fn next_offer(&mut self) -> Offer {
        let is_ai = self.ai_percent > 0 && self.rng.random_range(0..100) < self.ai_percent;
        let kind = match self.rng.random_range(0..100) {
            0..50 if is_ai => Kind::Tensor,
            _ if is_ai => Kind::Operation,
            0..25 => Kind::Transfer,
            25..33 => Kind::OldTransfer,
            33..37 => Kind::Creation,
            37..57 => Kind::Erc20,
            57..60 => Kind::SetCode,
            60..68 => Kind::Revert,
            68..71 => Kind::Halt,
            71..80 => Kind::Matmul,
            80..86 => Kind::SelfDestruct,
            86..95 => Kind::Storage,
            _ => Kind::Invalid,
        };
        let index = self.rng.random_range(0..self.accounts.len());
        Offer {
            raw: self.make(kind, index),
            kind,
        }
    }

    fn make(&mut self, kind: Kind, index: usize) -> Bytes {
        let chain_id = self.chain_id;
        let value = U256::from(self.rng.random_range(1..1_000_000u64));
        let coin = self.rng.random_range(0..4u8);
        let to = self.receiver();
        let params = match kind {
            Kind::Transfer => TxParams::transfer(to, value),
            Kind::OldTransfer if coin < 2 => {
                return self.accounts[index].sign_legacy(chain_id, &TxParams::transfer(to, value));
            }
            Kind::OldTransfer => {
                let params = TxParams::transfer(to, value);
                return self.accounts[index].sign_access_list(chain_id, &params);
            }
            Kind::Creation if coin == 0 => TxParams::create(Bytes::from_static(&[0xfe]), 100_000),
            Kind::Creation => TxParams::create(Artifact::zoo_child().init_code(&[]), 1_000_000),
            Kind::Erc20 => {
                let call = TestToken::transferCall { to, value };
                TxParams::call(self.token, call.abi_encode(), 100_000)
            }
            Kind::SetCode => {
                let delegate = if coin == 0 {
                    Address::ZERO
                } else {
                    self.delegate
                };
                let params = TxParams::call(SINK, Bytes::new(), 60_000);
                // The first account deploys: a delegated one may have a single transaction in flight.
                let index = index.max(1);
                return self.accounts[index].sign_set_code(chain_id, delegate, &params);
            }
            Kind::Revert => {
                let call = match coin {
                    0 => Zoo::failWithReasonCall {
                        reason: "a reason".into(),
                    }
                    .abi_encode(),
                    1 => Zoo::failWithErrorCall {
                        code: value,
                        why: "an error".into(),
                    }
                    .abi_encode(),
                    2 => Zoo::failWithPanicCall {
                        divisor: U256::ZERO,
                    }
                    .abi_encode(),
                    _ => Zoo::failSilentlyCall {}.abi_encode(),
                };
                TxParams::call(self.zoo, call, 100_000)
            }
            Kind::Halt if coin == 0 => {
                TxParams::call(self.zoo, Zoo::failInvalidCall {}.abi_encode(), 60_000)
            }
            Kind::Halt => TxParams::call(self.zoo, Zoo::burnAllGasCall {}.abi_encode(), 90_000),
            Kind::Matmul => self.product(),
            Kind::Tensor => self.ai.store(&mut self.rng),
            Kind::Operation => self.ai.operation(&mut self.rng),
            Kind::SelfDestruct => {
                let call = match coin {
                    0 => Zoo::createAndBurnCall {}.abi_encode(),
                    1 => {
                        let salt = B256::from(self.rng.random::<[u8; 32]>());
                        Zoo::createDestroyCreateCall { salt, heir: to }.abi_encode()
                    }
                    _ => Zoo::createAndDestroyCall { heir: to }.abi_encode(),
                };
                TxParams {
                    value,
                    ..TxParams::call(self.zoo, call, 700_000)
                }
            }
            Kind::Storage => {
                let start = U256::from(self.rng.random_range(0..64u64));
                let filled = if coin == 0 { U256::ZERO } else { value };
                let call = Zoo::fillCall {
                    start,
                    amount: U256::from(4),
                    value: filled,
                };
                TxParams::call(self.zoo, call.abi_encode(), 250_000)
            }
            Kind::Invalid => return self.invalid(index, coin, to),
        };
        self.accounts[index].sign(chain_id, &params)
    }

    fn product(&mut self) -> TxParams {
        let (m, k, n) = (
            self.rng.random_range(1..9u32),
            self.rng.random_range(1..33u32),
            self.rng.random_range(1..9u32),
        );
        let mut bytes = |count: u32| -> Bytes {
            (0..count)
                .map(|_| self.rng.random::<u8>())
                .collect::<Vec<u8>>()
                .into()
        };
        let call = MatmulCaller::multiplyCall {
            m,
            k,
            n,
            a: bytes(m * k),
            b: bytes(n * k),
        };
        TxParams::call(self.matmul, call.abi_encode(), 900_000)
    }

    /// A used nonce, another chain, an unpayable value, or bytes cut short.
    fn invalid(&self, index: usize, coin: u8, to: Address) -> Bytes {
        let account = &self.accounts[index];
        let params = TxParams::transfer(to, U256::from(1));
        match coin {
            0 => account.sign_at(self.chain_id + 1, account.nonce, &params),
            1 => {
                let unpayable = TxParams::transfer(to, U256::MAX >> 8);
                account.sign_at(self.chain_id, account.nonce, &unpayable)
            }
            2 => {
                let starved = TxParams {
                    gas: 20_999,
                    ..params
                };
                account.sign_at(self.chain_id, account.nonce, &starved)
            }
            _ => {
                let raw = account.sign_at(self.chain_id, account.nonce, &params);
                raw.slice(..raw.len() - 1)
            }
        }
    }

    fn receiver(&mut self) -> Address {
        if self.rng.random_bool(0.5) {
            return Address::from(self.rng.random::<[u8; 20]>());
        }
        let index = self.rng.random_range(0..self.accounts.len());
        self.accounts[index].address()
    }
}
