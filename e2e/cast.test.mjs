// The way of a developer at the command line.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { hexToBigInt, keccak256, numberToHex, toHex } from 'viem'
import { generatePrivateKey, mnemonicToAccount, privateKeyToAccount } from 'viem/accounts'
import { ACCOUNTS, MNEMONIC, PLAIN, artifact, feePaid, raw } from './lib/env.mjs'
import { run } from './lib/tool.mjs'

const token = artifact('TestToken')
const zoo = artifact('Zoo')
const delegate = artifact('Delegate')

const [alice, bob] = ACCOUNTS.cast.map((addressIndex) => {
  const account = mnemonicToAccount(MNEMONIC, { addressIndex })
  return { address: account.address, key: toHex(account.getHdKey().privateKey) }
})
const fresh = () => privateKeyToAccount(generatePrivateKey()).address

const cast = (...args) => run('cast', args)
/** Sends as alice; gives the receipt. */
const send = async (...args) => JSON.parse(await cast('send', '--json', '--private-key', alice.key, ...args))
const create = async (contract, ...constructor) =>
  (await send('--create', contract.bytecode, ...constructor)).contractAddress
/** What cast prints when a command fails. */
const complaint = (promise) => promise.then((text) => assert.fail(`must fail, but gave ${text}`), (error) => error.stderr)

describe('cast', { timeout: 240_000 }, () => {
  let erc20, animals

  before(async () => {
    erc20 = await create(token, 'constructor(string,string,uint256)', 'Token', 'TOK', '1000000')
    animals = await create(zoo)
  })

  test('reads chain, fees and blocks by tag', async () => {
    assert.equal(await cast('chain-id'), `${BigInt(await raw('eth_chainId'))}`)
    assert.match(await cast('client'), /\S/)
    assert.ok(BigInt(await cast('gas-price')) > 0n)
    assert.ok(BigInt(await cast('base-fee')) > 0n)
    const numbers = []
    for (const tag of ['earliest', 'finalized', 'safe', 'latest']) {
      const block = JSON.parse(await cast('block', '--json', tag))
      numbers.push(Number(block.number))
    }
    assert.deepEqual(numbers, [...numbers].sort((a, b) => a - b))
    assert.equal(numbers[0], 0)
    assert.ok(Number(await cast('block-number')) >= numbers[3])
    assert.match(await cast('age', 'latest'), /\d{4}/)
  })

  test('deploys an ERC-20, transfers, and finds the logs', async () => {
    assert.equal(await cast('call', erc20, 'name()(string)'), '"Token"')
    assert.equal(await cast('codehash', erc20), keccak256(await cast('code', erc20)))
    const to = fresh()
    const receipt = await send(erc20, 'transfer(address,uint256)', to, '5')
    assert.equal(receipt.status, '0x1')
    assert.equal(await cast('call', erc20, 'balanceOf(address)(uint256)', to), '5')
    const logs = JSON.parse(
      await cast('logs', '--json', '--from-block', Number(receipt.blockNumber), '--address', erc20, 'Transfer(address indexed,address indexed,uint256)', alice.address, to),
    )
    assert.equal(logs.length, 1)
    assert.equal(logs[0].transactionHash, receipt.transactionHash)
    assert.equal(hexToBigInt(logs[0].data), 5n)
    const again = JSON.parse(await cast('receipt', '--json', receipt.transactionHash))
    assert.equal(again.blockHash, receipt.blockHash)
    const found = JSON.parse(await cast('tx', '--json', receipt.transactionHash))
    assert.equal(found.from.toLowerCase(), alice.address.toLowerCase())
    assert.equal(await cast('storage', erc20, '2'), numberToHex(1_000_000, { size: 32 }))
  })

  test('shows reasons, custom errors and panics', async () => {
    const as = ['--from', bob.address]
    assert.match(await complaint(cast('call', ...as, erc20, 'burn(uint256)', '1')), /TestToken: burn exceeds balance/)
    // Selector of NotIssuer(address,address), then its arguments.
    const custom = await complaint(cast('call', ...as, erc20, 'mint(address,uint256)', bob.address, '1'))
    assert.ok(custom.includes(keccak256(toHex('NotIssuer(address,address)')).slice(0, 10)), custom)
    assert.ok(custom.toLowerCase().includes(alice.address.slice(2).toLowerCase()), custom)
    const openZeppelin = await complaint(cast('estimate', ...as, erc20, 'transfer(address,uint256)', alice.address, '7'))
    assert.match(openZeppelin, /ERC20InsufficientBalance|0xe450d38c/)
    assert.match(await complaint(cast('call', animals, 'failWithPanic(uint256)', '0')), /panic|0x4e487b71/)
    assert.match(await complaint(cast('send', '--private-key', alice.key, animals, 'failWithReason(string)', 'told')), /told/)
    const mined = await cast('send', '--json', '--private-key', alice.key, '--gas-limit', '100000', animals, 'failWithReason(string)', 'told')
      .catch((error) => error.stdout)
    assert.equal(JSON.parse(mined).status, '0x0')
  })

  test('sends types 0, 1 and 2, paid to the wei', async () => {
    const list = JSON.stringify([{ address: erc20, storageKeys: [`0x${'0'.repeat(64)}`] }])
    for (const [type, ...flags] of [['0x0', '--legacy'], ['0x1', '--legacy', '--access-list', list], ['0x2', '--access-list', list], ['0x2']]) {
      const to = fresh()
      const before = BigInt(await cast('balance', alice.address))
      const receipt = await send(to, '--value', '1234', ...flags)
      assert.equal(receipt.status, '0x1')
      assert.equal(receipt.type, type, flags.join(' '))
      assert.equal(await cast('balance', to), '1234')
      const paid = feePaid(await raw('eth_getTransactionReceipt', [receipt.transactionHash]))
      assert.equal(BigInt(await cast('balance', alice.address)), before - 1234n - paid)
    }
  })

  test('delegates its own account with type 4', async () => {
    const target = await create(delegate)
    const owner = privateKeyToAccount(generatePrivateKey())
    const nonce = await cast('nonce', alice.address)
    assert.equal(await cast('code', alice.address), '0x')
    // Authorized by the sender itself: the sender's nonce is used up first, cast counts that in.
    const receipt = await send(owner.address, '--value', '1', '--auth', target)
    assert.equal(receipt.status, '0x1')
    assert.equal(receipt.type, '0x4')
    assert.equal(await cast('code', alice.address), `0xef0100${target.slice(2).toLowerCase()}`)
    assert.equal(BigInt(await cast('nonce', alice.address)), BigInt(nonce) + 2n)
    const to = fresh()
    const ran = await send(alice.address, 'run((address,uint256,bytes)[])', `[(${to},9,0x)]`)
    assert.equal(ran.status, '0x1')
    assert.equal(await cast('balance', to), '9')
    const back = await send(owner.address, '--auth', '0x0000000000000000000000000000000000000000')
    assert.equal(back.status, '0x1')
    assert.equal(await cast('code', alice.address), '0x')
  })

  test('publishes a transaction signed before', async () => {
    const to = fresh()
    const signed = await cast('mktx', '--private-key', alice.key, to, '--value', '3')
    const published = JSON.parse(await cast('publish', signed))
    assert.equal(published.status, '0x1')
    assert.equal(await cast('balance', to), '3')
    assert.equal(published.transactionHash, keccak256(signed))
  })

  test('estimates and proves', async () => {
    assert.equal(await cast('estimate', '--from', alice.address, fresh(), '--value', '1'), '21000')
    const proof = JSON.parse(await cast('proof', erc20, '2'))
    assert.equal(hexToBigInt(proof.storageProof[0].value), 1_000_000n)
    assert.ok(proof.accountProof.length > 0)
    assert.equal(await cast('rpc', 'eth_blockNumber').then((text) => typeof JSON.parse(text)), 'string')
  })

  test('multiplies matrices', { skip: PLAIN }, async () => {
    const shape = '(0,0,1,2,3,2)'
    const call = ['matmul((uint8,uint8,uint32,uint32,uint32,uint32),bytes,bytes)(bytes)', shape, '0x0001fe030405fa', '0x00070809ff0001']
    assert.equal(await cast('call', '0x0000000000000000000000000000000000A10001', ...call), '0x12000000020000000e000000f6ffffff')
    const refused = await complaint(cast('call', '0x0000000000000000000000000000000000A10001', ...call.slice(0, 3), '0x00'))
    assert.match(refused, /0xfb293769/)
  })
})
