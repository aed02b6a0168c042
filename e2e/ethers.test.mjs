// The way of an ethers application.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Contract, ContractFactory, HDNodeWallet, Interface, JsonRpcProvider, NonceManager, Wallet, WebSocketProvider, ZeroAddress, isError, parseEther, parseUnits } from 'ethers'
import { ACCOUNTS, MNEMONIC, PATIENCE, PLAIN, RPC, WS, artifact, feePaid, until } from './lib/env.mjs'

const token = artifact('TestToken')
const zoo = artifact('Zoo')
const delegate = artifact('Delegate')

// Answers are not cached, so that two questions in a row see two states.
const provider = new JsonRpcProvider(RPC, undefined, { cacheTimeout: -1, pollingInterval: 100 })
const account = (index) => HDNodeWallet.fromPhrase(MNEMONIC, undefined, `m/44'/60'/0'/0/${index}`).connect(provider)
const [alice, bob] = ACCOUNTS.ethers.map(account)
const fresh = () => Wallet.createRandom().connect(provider)
const mined = (response) => response.wait(1, PATIENCE)

async function deploy({ abi, bytecode }, ...args) {
  const contract = await new ContractFactory(abi, bytecode, alice).deploy(...args)
  await contract.waitForDeployment()
  return contract
}

/** The error of a promise that must fail with ethers' code `code`. */
async function failure(promise, code) {
  const error = await promise.then(() => assert.fail('must fail'), (caught) => caught)
  assert.ok(isError(error, code), `${error.code}: ${error.message}`)
  return error
}

describe('ethers', { timeout: 180_000 }, () => {
  let erc20, animals

  before(async () => {
    erc20 = await deploy(token, 'Token', 'TOK', parseEther('1000'))
    animals = await deploy(zoo)
  })
  after(() => provider.destroy())

  test('knows the network and its heads in order', async () => {
    const { chainId } = await provider.getNetwork()
    assert.equal(chainId, BigInt(await provider.send('eth_chainId', [])))
    const [finalized, safe, latest] = await Promise.all(['finalized', 'safe', 'latest'].map((tag) => provider.getBlock(tag)))
    assert.ok(finalized.number <= safe.number && safe.number <= latest.number)
    assert.equal((await provider.getBlock(latest.hash)).number, latest.number)
    assert.equal((await provider.getBlock(0)).parentHash, `0x${'0'.repeat(64)}`)
    assert.equal(await provider.getBlock(latest.number + 1_000_000), null)
  })

  test('deploys an ERC-20, transfers, and queries its events', async () => {
    assert.equal(await erc20.name(), 'Token')
    assert.equal(await erc20.balanceOf(alice.address), parseEther('1000'))
    const to = fresh().address
    const receipt = await mined(await erc20.transfer(to, 5n))
    assert.equal(receipt.status, 1)
    assert.equal(await erc20.balanceOf(to), 5n)
    const events = await erc20.queryFilter(erc20.filters.Transfer(alice.address, to), receipt.blockNumber, receipt.blockNumber)
    assert.equal(events.length, 1)
    assert.deepEqual([...events[0].args], [alice.address, to, 5n])
    assert.equal(events[0].index, receipt.logs[0].index)
    const all = await erc20.queryFilter('Transfer', receipt.blockNumber - 1)
    assert.ok(all.some((event) => event.transactionHash === receipt.hash))
    const block = await receipt.getBlock()
    assert.ok(block.transactions.includes(receipt.hash))
  })

  test('sees reasons, custom errors and panics', async () => {
    const asBob = erc20.connect(bob)
    const reason = await failure(asBob.burn.staticCall(1n), 'CALL_EXCEPTION')
    assert.equal(reason.reason, 'TestToken: burn exceeds balance')
    const custom = await failure(asBob.mint.staticCall(bob.address, 1n), 'CALL_EXCEPTION')
    assert.equal(custom.revert.name, 'NotIssuer')
    assert.deepEqual([...custom.revert.args], [bob.address, alice.address])
    const openZeppelin = await failure(asBob.transfer.estimateGas(alice.address, 7n), 'CALL_EXCEPTION')
    assert.equal(erc20.interface.parseError(openZeppelin.data).name, 'ERC20InsufficientBalance')
    const panic = await failure(animals.failWithPanic(0n), 'CALL_EXCEPTION')
    assert.equal(panic.reason, 'Panic due to DIVIDE_BY_ZERO(18)')
    const sent = await failure(animals.failWithReason.send('told', { gasLimit: 100_000n }).then(mined), 'CALL_EXCEPTION')
    assert.equal(sent.receipt.status, 0)
    const silent = await failure(animals.failSilently(), 'CALL_EXCEPTION')
    assert.equal(silent.data ?? '0x', '0x')
  })

  test('sends types 0, 1 and 2, paid to the wei', async () => {
    const { maxFeePerGas } = await provider.getFeeData()
    const kinds = [
      { type: 0, gasPrice: maxFeePerGas },
      { type: 1, gasPrice: maxFeePerGas, accessList: [{ address: await erc20.getAddress(), storageKeys: [`0x${'0'.repeat(64)}`] }] },
      { type: 2, maxFeePerGas, maxPriorityFeePerGas: parseUnits('0.1', 'gwei') },
    ]
    for (const kind of kinds) {
      const to = fresh().address
      const before = await provider.getBalance(alice.address)
      const receipt = await mined(await alice.sendTransaction({ ...kind, to, value: 1234n }))
      assert.equal(receipt.status, 1)
      assert.equal(receipt.type, kind.type)
      const found = await provider.getTransaction(receipt.hash)
      assert.equal(found.type, kind.type)
      assert.equal(found.from, alice.address)
      assert.equal(found.blockHash, receipt.blockHash)
      assert.equal(await provider.getBalance(to), 1234n)
      const paid = feePaid(await provider.send('eth_getTransactionReceipt', [receipt.hash]))
      assert.equal(await provider.getBalance(alice.address), before - 1234n - paid)
    }
  })

  test('delegates an account with type 4 and calls it', async () => {
    const target = await deploy(delegate)
    const owner = fresh()
    const { chainId } = await provider.getNetwork()
    const authorization = await owner.authorize({ address: await target.getAddress(), nonce: 0, chainId })
    const receipt = await mined(await alice.sendTransaction({ type: 4, to: owner.address, value: 50n, authorizationList: [authorization] }))
    assert.equal(receipt.status, 1)
    assert.equal(receipt.type, 4)
    assert.equal(await provider.getCode(owner.address), `0xef0100${(await target.getAddress()).slice(2).toLowerCase()}`)
    const inItsName = new Contract(owner.address, delegate.abi, alice)
    const to = fresh().address
    const ran = await mined(await inItsName.run([[to, 20n, '0x']]))
    const [event] = ran.logs.map((log) => inItsName.interface.parseLog(log))
    assert.deepEqual([...event.args], [owner.address, alice.address, 1n])
    assert.equal(await provider.getBalance(to), 20n)
    assert.equal(await inItsName.ran(), 1n)

    const back = await owner.authorize({ address: ZeroAddress, nonce: 1, chainId })
    await mined(await alice.sendTransaction({ type: 4, to: ZeroAddress, authorizationList: [back] }))
    assert.equal(await provider.getCode(owner.address), '0x')
  })

  test('estimates, reads storage and old state', async () => {
    assert.equal(await alice.estimateGas({ to: fresh().address, value: 1n }), 21_000n)
    const old = await provider.getBlockNumber()
    const before = await erc20.balanceOf(alice.address)
    await mined(await erc20.burn(3n))
    assert.equal(await erc20.balanceOf(alice.address), before - 3n)
    assert.equal(await erc20.balanceOf(alice.address, { blockTag: old }), before)
    const supply = await provider.getStorage(await erc20.getAddress(), 2n)
    assert.equal(BigInt(supply), await erc20.totalSupply())
  })

  test('makes children, also ones that end in the same transaction', async () => {
    const made = await mined(await animals.create({ value: 5n }))
    const child = animals.interface.parseLog(made.logs[0]).args.child
    assert.notEqual(await provider.getCode(child), '0x')
    assert.equal(await provider.getBalance(child), 5n)
    const heir = fresh().address
    const gone = await mined(await animals.createAndDestroy(heir, { value: 6n }))
    assert.equal(await provider.getCode(animals.interface.parseLog(gone.logs[0]).args.child), '0x')
    assert.equal(await provider.getBalance(heir), 6n)
    const twice = await mined(await animals.createDestroyCreate(`0x${'11'.repeat(32)}`, heir, { value: 7n }))
    assert.equal(animals.interface.parseLog(twice.logs[0]).args.success, false)
    // An older child only loses its ether.
    await mined(await animals.destroy(child, heir))
    assert.notEqual(await provider.getCode(child), '0x')
    assert.equal(await provider.getBalance(heir), 6n + 7n + 5n)
  })

  test('names the errors of a refused transaction', async () => {
    const poor = fresh()
    const fees = { gasLimit: 21_000n, maxFeePerGas: parseUnits('10', 'gwei'), maxPriorityFeePerGas: 1n, type: 2 }
    await failure(poor.sendTransaction({ ...fees, to: alice.address, value: 1n, nonce: 0 }), 'INSUFFICIENT_FUNDS')
    await mined(await alice.sendTransaction({ to: bob.address }))
    await failure(alice.sendTransaction({ ...fees, to: bob.address, nonce: 0 }), 'NONCE_EXPIRED')
  })

  test('sends a row of transactions without waiting', async () => {
    const manager = new NonceManager(account(ACCOUNTS.ethers[1]))
    const to = fresh().address
    const sent = []
    for (let i = 0; i < 8; i += 1) sent.push(await manager.sendTransaction({ to, value: 1n }))
    const receipts = await Promise.all(sent.map(mined))
    assert.ok(receipts.every((receipt) => receipt.status === 1))
    assert.equal(await provider.getBalance(to), 8n)
  })

  test('listens to blocks and events over WebSocket', async () => {
    const socket = new WebSocketProvider(WS)
    try {
      const numbers = []
      await socket.on('block', (number) => numbers.push(number))
      const to = fresh().address
      const seen = []
      const listening = new Contract(await erc20.getAddress(), token.abi, socket)
      await listening.on(listening.filters.Transfer(null, to), (event) => seen.push([...event.args]))
      await until(() => numbers.length > 0, 'a head')
      await mined(await erc20.transfer(to, 4n))
      await until(() => seen.length > 0 && numbers.length >= 3, 'an event and heads')
      assert.deepEqual(seen, [[alice.address, to, 4n]])
      for (let i = 1; i < numbers.length; i += 1) assert.equal(numbers[i], numbers[i - 1] + 1)
    } finally {
      await socket.destroy()
    }
  })

  test('multiplies matrices', { skip: PLAIN }, async () => {
    const caller = await deploy(artifact('MatmulCaller'))
    const arguments_ = [2, 3, 2, '0x01fe030405fa', '0x070809ff0001']
    assert.equal(await caller.product(...arguments_), '0x12000000020000000e000000f6ffffff')
    await mined(await caller.multiply(...arguments_))
    assert.equal(await caller.last(), '0x12000000020000000e000000f6ffffff')
    const refused = await failure(caller.product.staticCall(2, 3, 2, '0x01fe030405', '0x070809ff0001'), 'CALL_EXCEPTION')
    const { name, args } = new Interface(artifact('IFoggaraMatmul').abi).parseError(refused.data)
    assert.deepEqual([name, ...args], ['LengthMismatch', 1n, 6n, 5n])
  })
})
