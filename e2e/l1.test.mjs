// The development L1 as viem sees it.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createPublicClient, createWalletClient, defineChain, hexToNumber, http } from 'viem'
import { generatePrivateKey, mnemonicToAccount, privateKeyToAccount } from 'viem/accounts'
import { ACCOUNTS, L1_RPC, MNEMONIC, PATIENCE, RPC, raw, until } from './lib/env.mjs'

describe('L1', { skip: L1_RPC ? false : 'FOGGARA_L1_RPC is not set', timeout: 120_000 }, async () => {
  const chain = L1_RPC && defineChain({
    id: hexToNumber(await raw('eth_chainId', [], L1_RPC)),
    name: 'L1',
    nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: [L1_RPC] } },
  })
  const options = { chain, transport: http(L1_RPC), pollingInterval: 100, cacheTime: 0 }
  const client = L1_RPC && createPublicClient(options)
  const account = mnemonicToAccount(MNEMONIC, { addressIndex: ACCOUNTS.l1[0] })

  test('is another chain than the L2', async () => {
    assert.notEqual(await raw('eth_chainId', [], L1_RPC), await raw('eth_chainId', [], RPC))
  })

  test('moves all its heads', async () => {
    const heads = () => Promise.all(['finalized', 'safe', 'latest'].map(async (blockTag) => (await client.getBlock({ blockTag })).number))
    const first = await heads()
    const last = await until(async () => {
      const now = await heads()
      return now.every((number, i) => number > first[i]) && now
    }, 'all heads to move')
    assert.ok(last[0] <= last[1] && last[1] <= last[2])
  })

  test('mines a transfer and names it in its block', async () => {
    const to = privateKeyToAccount(generatePrivateKey()).address
    const hash = await createWalletClient({ ...options, account }).sendTransaction({ to, value: 5n })
    const receipt = await client.waitForTransactionReceipt({ hash, timeout: PATIENCE })
    assert.equal(receipt.status, 'success')
    assert.equal(await client.getBalance({ address: to }), 5n)
    const block = await client.getBlock({ blockHash: receipt.blockHash, includeTransactions: true })
    assert.equal(block.transactions[receipt.transactionIndex].hash, hash)
    assert.equal((await client.getBlock({ blockNumber: block.number - 1n })).hash, block.parentHash)
  })
})
