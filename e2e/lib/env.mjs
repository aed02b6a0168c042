// What all tests share: where the node is, who has money, what is deployed.
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const HERE = dirname(fileURLToPath(import.meta.url))

/** The folder of the Solidity project. */
export const CONTRACTS = join(HERE, '..', '..', 'contracts')

if (!process.env.FOGGARA_RPC) {
  throw new Error('FOGGARA_RPC is not set: give the HTTP URL of a running node, or use `npm run test:anvil`')
}

/** HTTP URL of the node. */
export const RPC = process.env.FOGGARA_RPC
/** WebSocket URL of the node: the same port. */
export const WS = RPC.replace(/^http/, 'ws')
/** HTTP URL of the L1, if there is one. */
export const L1_RPC = process.env.FOGGARA_L1_RPC
/** Why a test that needs our chain is skipped, or false. */
export const PLAIN = process.env.FOGGARA_NO_AI === '1' ? 'the server is plain Ethereum (FOGGARA_NO_AI=1)' : false

/** Mnemonic of the funded accounts. */
export const MNEMONIC = 'test test test test test test test test test test test junk'

/** The accounts that each file may use. */
export const ACCOUNTS = { viem: [0, 1], ethers: [2, 3], cast: [4, 5], forge: [6, 7], l1: [8, 9] }

/** Longest time in ms for anything that waits for a block. */
export const PATIENCE = 30_000

/** ABI and code of a contract. */
export function artifact(name) {
  const { abi, bytecode, deployedBytecode } = JSON.parse(readFileSync(join(CONTRACTS, 'artifacts', `${name}.json`), 'utf8'))
  return { abi, bytecode, deployedBytecode }
}

/** Result of a JSON-RPC call without any client between; throws the error object. */
export async function raw(method, params = [], url = RPC) {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  })
  const { result, error } = await answer.json()
  if (error) throw Object.assign(new Error(error.message), error)
  return result
}

/** Waits until `probe` gives something true. */
export async function until(probe, what, ms = PATIENCE) {
  const end = Date.now() + ms
  for (;;) {
    const found = await probe()
    if (found) return found
    if (Date.now() > end) throw new Error(`waited ${ms} ms for: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** What the sender of a mined transaction has paid beside the value, from the raw receipt, in wei. */
export function feePaid(receipt) {
  const quantity = (value) => BigInt(value ?? 0)
  const gas = quantity(receipt.gasUsed)
  const operator = (gas * quantity(receipt.operatorFeeScalar)) / 1_000_000n + quantity(receipt.operatorFeeConstant)
  return gas * quantity(receipt.effectiveGasPrice) + quantity(receipt.l1Fee) + operator
}
