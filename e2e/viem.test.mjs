// The way of a viem application: deploy, transact, read, watch, and understand what fails.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  BaseError, ContractFunctionRevertedError, InsufficientFundsError, NonceTooLowError, createPublicClient, createWalletClient,
  defineChain, encodeDeployData, encodeFunctionData, hexToNumber, http, isHash, keccak256, parseAbi, parseEther, parseGwei,
  webSocket, zeroAddress,
} from 'viem'
import { generatePrivateKey, mnemonicToAccount, privateKeyToAccount } from 'viem/accounts'
import { ACCOUNTS, MNEMONIC, PATIENCE, PLAIN, RPC, WS, artifact, feePaid, raw, until } from './lib/env.mjs'
import { checkProof } from './lib/proof.mjs'

const token = artifact('TestToken')
const zoo = artifact('Zoo')
const delegate = artifact('Delegate')
const matmul = artifact('MatmulCaller')
// The library's errors come from below: an application that wants them by name joins the ABIs.
const matmulAbi = [...matmul.abi, ...artifact('IFoggaraMatmul').abi.filter((item) => item.type === 'error')]

const [alice, bob] = ACCOUNTS.viem.map((addressIndex) => mnemonicToAccount(MNEMONIC, { addressIndex }))
const chain = defineChain({
  id: hexToNumber(await raw('eth_chainId')),
  name: 'under test',
  nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
  rpcUrls: { default: { http: [RPC], webSocket: [WS] } },
})
const options = { chain, pollingInterval: 100, cacheTime: 0 }
const client = createPublicClient({ ...options, transport: http() })
const wallet = createWalletClient({ ...options, account: alice, transport: http() })

/** An address that never gets a token. */
const STRANGER = '0x00000000000000000000000000000000000a1111'

const mined = async (hash) => client.waitForTransactionReceipt({ hash, timeout: PATIENCE })

async function deploy({ abi, bytecode }, args = []) {
  const receipt = await mined(await wallet.deployContract({ abi, bytecode, args }))
  assert.equal(receipt.status, 'success')
  return receipt.contractAddress
}

/** The decoded revert of a call that must fail. */
async function revertOf(promise) {
  const error = await promise.then(() => assert.fail('must revert'), (caught) => caught)
  assert.ok(error instanceof BaseError, error)
  const reverted = error.walk((inner) => inner instanceof ContractFunctionRevertedError)
  assert.ok(reverted, `no decoded revert in: ${error.message}`)
  return reverted
}

describe('viem', { timeout: 180_000 }, () => {
  let erc20, animals, target

  before(async () => {
    erc20 = await deploy(token, ['Token', 'TOK', parseEther('1000')])
    animals = await deploy(zoo)
    target = await deploy(delegate)
  })

  test('knows the chain and its heads in order', async () => {
    assert.equal(await client.getChainId(), chain.id)
    assert.equal(await raw('net_version'), `${chain.id}`)
    const [earliest, finalized, safe, latest, pending] = await Promise.all(
      ['earliest', 'finalized', 'safe', 'latest', 'pending'].map((blockTag) => client.getBlock({ blockTag })),
    )
    assert.equal(earliest.number, 0n)
    assert.ok(earliest.number <= finalized.number && finalized.number <= safe.number)
    assert.ok(safe.number <= latest.number)
    assert.ok(pending.timestamp >= safe.timestamp)
    assert.equal((await client.getBlock({ blockHash: latest.hash })).number, latest.number)
  })

  test('deploys an ERC-20 whose code and state are as built', async () => {
    const code = await client.getCode({ address: erc20 })
    // The issuer is immutable: the code differs from the artifact in that place only.
    assert.equal(code.toLowerCase().replaceAll(alice.address.slice(2).toLowerCase(), '0'.repeat(40)), token.deployedBytecode)
    const read = (functionName, args) => client.readContract({ address: erc20, abi: token.abi, functionName, args })
    assert.equal(await read('name'), 'Token')
    assert.equal(await read('totalSupply'), parseEther('1000'))
    assert.equal(await read('balanceOf', [alice.address]), parseEther('1000'))
    assert.equal(await read('ISSUER'), alice.address)
  })

  test('transfers tokens and finds the event in every way', async () => {
    const to = privateKeyToAccount(generatePrivateKey()).address
    const { request, result } = await client.simulateContract({
      account: alice, address: erc20, abi: token.abi, functionName: 'transfer', args: [to, 5n],
    })
    assert.equal(result, true)
    const receipt = await mined(await wallet.writeContract(request))
    assert.equal(receipt.status, 'success')
    assert.equal(receipt.to, erc20.toLowerCase())
    assert.equal(receipt.logs.length, 1)

    const range = { fromBlock: receipt.blockNumber, toBlock: receipt.blockNumber }
    const events = await client.getContractEvents({ address: erc20, abi: token.abi, eventName: 'Transfer', args: { to }, ...range })
    assert.equal(events.length, 1)
    assert.deepEqual(events[0].args, { from: alice.address, to, value: 5n })
    const { blockHash, transactionHash, logIndex } = receipt.logs[0]
    assert.deepEqual(
      [events[0].blockHash, events[0].transactionHash, events[0].logIndex],
      [blockHash, transactionHash, logIndex],
    )
    const byHash = await client.getLogs({ address: erc20, blockHash: receipt.blockHash })
    assert.ok(byHash.some((log) => log.transactionHash === receipt.transactionHash))
    const none = await client.getContractEvents({ address: erc20, abi: token.abi, eventName: 'Transfer', args: { to: STRANGER }, ...range })
    assert.equal(none.length, 0)
    assert.equal(await client.readContract({ address: erc20, abi: token.abi, functionName: 'balanceOf', args: [to] }), 5n)

    const filter = await client.createContractEventFilter({ address: erc20, abi: token.abi, eventName: 'Transfer', args: { to } })
    await mined(await wallet.writeContract(request))
    const changes = await until(async () => {
      const found = await client.getFilterChanges({ filter })
      return found.length > 0 && found
    }, 'filter changes')
    assert.equal(changes[0].args.value, 5n)
    assert.equal(await client.uninstallFilter({ filter }), true)
  })

  test('sees revert reasons, custom errors and panics in call, estimate and simulation', async () => {
    const cases = [
      { address: erc20, abi: token.abi, functionName: 'burn', args: [1n], account: bob, name: 'Error', values: ['TestToken: burn exceeds balance'] },
      { address: erc20, abi: token.abi, functionName: 'mint', args: [bob.address, 1n], account: bob, name: 'NotIssuer', values: [bob.address, alice.address] },
      { address: erc20, abi: token.abi, functionName: 'transfer', args: [alice.address, 7n], account: bob, name: 'ERC20InsufficientBalance', values: [bob.address, 0n, 7n] },
      { address: animals, abi: zoo.abi, functionName: 'failWithError', args: [42n, 'no'], account: bob, name: 'Refused', values: [bob.address, 42n, 'no'] },
      { address: animals, abi: zoo.abi, functionName: 'failWithReason', args: ['because'], account: bob, name: 'Error', values: ['because'] },
      { address: animals, abi: zoo.abi, functionName: 'failWithPanic', args: [0n], account: bob, name: 'Panic', values: [0x12n] },
    ]
    for (const { name, values, ...call } of cases) {
      for (const action of ['simulateContract', 'estimateContractGas', 'readContract']) {
        const { data } = await revertOf(client[action](call))
        assert.equal(data.errorName, name)
        assert.deepEqual(data.args, values)
      }
    }
    const error = await raw('eth_call', [{ to: animals, data: encodeFunctionData({ abi: zoo.abi, functionName: 'failSilently' }) }, 'latest']).catch((caught) => caught)
    assert.equal(error.code, 3)
    assert.match(error.message, /^execution reverted/)
    assert.equal(error.data ?? '0x', '0x')
  })

  test('mines a transaction that reverts, and one that runs out of gas', async () => {
    const balance = await client.getBalance({ address: alice.address })
    const reverted = await mined(await wallet.sendTransaction({
      to: animals, data: encodeFunctionData({ abi: zoo.abi, functionName: 'failWithReason', args: ['x'] }), gas: 100_000n,
    }))
    assert.equal(reverted.status, 'reverted')
    assert.ok(reverted.gasUsed < 100_000n)
    const empty = await mined(await wallet.sendTransaction({
      to: animals, data: encodeFunctionData({ abi: zoo.abi, functionName: 'burnAllGas' }), gas: 200_000n,
    }))
    assert.equal(empty.status, 'reverted')
    assert.equal(empty.gasUsed, 200_000n)
    const fees = await Promise.all([reverted, empty].map(async ({ transactionHash }) => feePaid(await raw('eth_getTransactionReceipt', [transactionHash]))))
    assert.equal(await client.getBalance({ address: alice.address }), balance - fees[0] - fees[1])
  })

  test('sends types 0, 1 and 2, each reported as what it is and paid to the wei', async () => {
    const { baseFeePerGas } = await client.getBlock()
    const cap = baseFeePerGas * 2n + parseGwei('1')
    const kinds = [
      { type: 'legacy', gasPrice: cap },
      { type: 'eip2930', gasPrice: cap, accessList: [{ address: erc20, storageKeys: [`0x${'0'.repeat(63)}1`] }] },
      { type: 'eip1559', maxFeePerGas: cap, maxPriorityFeePerGas: parseGwei('0.5') },
    ]
    for (const kind of kinds) {
      const to = privateKeyToAccount(generatePrivateKey()).address
      const before = await client.getBalance({ address: alice.address })
      const hash = await wallet.sendTransaction({ ...kind, to, value: 1234n })
      assert.ok(isHash(hash))
      const receipt = await mined(hash)
      assert.equal(receipt.status, 'success')
      assert.equal(receipt.type, kind.type)
      const found = await client.getTransaction({ hash })
      assert.equal(found.type, kind.type)
      assert.equal(found.chainId, chain.id)
      assert.equal(found.blockHash, receipt.blockHash)
      assert.equal(found.value, 1234n)
      if (kind.accessList) assert.deepEqual(found.accessList, [{ address: erc20.toLowerCase(), storageKeys: kind.accessList[0].storageKeys }])
      assert.equal(await client.getBalance({ address: to }), 1234n)
      const paid = feePaid(await raw('eth_getTransactionReceipt', [hash]))
      assert.equal(await client.getBalance({ address: alice.address }), before - 1234n - paid)
    }
  })

  test('delegates an account with type 4, runs code in its name, and takes it back', async () => {
    const account = privateKeyToAccount(generatePrivateKey())
    const authorization = await account.signAuthorization({ contractAddress: target, chainId: chain.id, nonce: 0 })
    const to = privateKeyToAccount(generatePrivateKey()).address
    const run = encodeFunctionData({ abi: delegate.abi, functionName: 'run', args: [[{ to, value: 77n, data: '0x' }]] })
    const receipt = await mined(await wallet.sendTransaction({ to: account.address, value: 100n, data: run, authorizationList: [authorization] }))
    assert.equal(receipt.status, 'success')
    assert.equal(receipt.type, 'eip7702')
    assert.equal(await client.getCode({ address: account.address }), `0xef0100${target.slice(2).toLowerCase()}`)
    assert.equal(await client.getBalance({ address: to }), 77n)
    assert.equal(await client.getBalance({ address: account.address }), 23n)
    assert.equal(await client.readContract({ address: account.address, abi: delegate.abi, functionName: 'ran' }), 1n)
    assert.equal(await client.getTransactionCount({ address: account.address }), 1)
    const found = await client.getTransaction({ hash: receipt.transactionHash })
    assert.equal(found.authorizationList.length, 1)
    assert.equal(found.authorizationList[0].address.toLowerCase(), target.toLowerCase())

    const back = await account.signAuthorization({ contractAddress: zeroAddress, chainId: chain.id, nonce: 1 })
    await mined(await wallet.sendTransaction({ to: zeroAddress, authorizationList: [back] }))
    assert.equal(await client.getCode({ address: account.address }), undefined)
  })

  test('reads whole blocks, their transactions and receipts alike', async () => {
    const hash = await wallet.sendTransaction({ to: bob.address, value: 1n })
    const receipt = await mined(hash)
    const block = await client.getBlock({ blockHash: receipt.blockHash, includeTransactions: true })
    assert.equal(block.number, receipt.blockNumber)
    assert.equal(block.transactions[receipt.transactionIndex].hash, hash)
    assert.equal(await client.getBlockTransactionCount({ blockHash: receipt.blockHash }), block.transactions.length)
    const receipts = await raw('eth_getBlockReceipts', [receipt.blockHash])
    assert.deepEqual(receipts.map((item) => item.transactionHash), block.transactions.map((item) => item.hash))
    assert.deepEqual(receipts[receipt.transactionIndex], await raw('eth_getTransactionReceipt', [hash]))
    const logs = receipts.flatMap((item) => item.logs)
    assert.deepEqual(logs.map((log) => hexToNumber(log.logIndex)), logs.map((_, index) => index))
    const used = block.transactions.length === 0 ? 0n : BigInt(receipts.at(-1).cumulativeGasUsed)
    assert.equal(block.gasUsed, used)
    const parent = await client.getBlock({ blockNumber: block.number - 1n })
    assert.equal(parent.hash, block.parentHash)
    assert.equal(await client.getTransactionReceipt({ hash: keccak256('0x00') }).catch((error) => error.name), 'TransactionReceiptNotFoundError')
  })

  test('estimates what suffices', async () => {
    const to = privateKeyToAccount(generatePrivateKey()).address
    assert.equal(await client.estimateGas({ account: alice, to, value: 1n }), 21_000n)
    const call = { account: alice, address: animals, abi: zoo.abi, functionName: 'fill', args: [1000n, 5n, 9n] }
    const gas = await client.estimateContractGas(call)
    const receipt = await mined(await wallet.writeContract({ ...call, gas }))
    assert.equal(receipt.status, 'success')
    assert.ok(receipt.gasUsed <= gas && gas * 1000n <= receipt.gasUsed * 1015n, `${gas} for ${receipt.gasUsed}`)
    const refunded = { ...call, args: [1000n, 5n, 0n] }
    const clear = await mined(await wallet.writeContract({ ...refunded, gas: await client.estimateContractGas(refunded) }))
    assert.equal(clear.status, 'success')
    const init = encodeDeployData({ abi: zoo.abi, bytecode: zoo.bytecode })
    assert.ok((await client.estimateGas({ account: alice, data: init })) > 1_000_000n)
  })

  test('calls with overridden state and at an old block', async () => {
    const balanceOf = { address: erc20, abi: token.abi, functionName: 'balanceOf', args: [alice.address] }
    const old = await client.getBlockNumber()
    const before = await client.readContract(balanceOf)
    await mined(await wallet.writeContract({ address: erc20, abi: token.abi, functionName: 'burn', args: [1n] }))
    assert.equal(await client.readContract(balanceOf), before - 1n)
    assert.equal(await client.readContract({ ...balanceOf, blockNumber: old }), before)
    const { data } = await client.call({
      to: bob.address,
      data: encodeFunctionData({ abi: token.abi, functionName: 'totalSupply' }),
      stateOverride: [{ address: bob.address, code: token.deployedBytecode, stateDiff: [{ slot: `0x${'0'.repeat(63)}2`, value: `0x${'0'.repeat(62)}2a` }] }],
    })
    assert.equal(BigInt(data), 42n)
  })

  test('names the errors of a refused transaction', async () => {
    const poor = privateKeyToAccount(generatePrivateKey())
    const { baseFeePerGas } = await client.getBlock()
    const fees = { maxFeePerGas: baseFeePerGas * 4n, maxPriorityFeePerGas: 1n, gas: 21_000n, type: 'eip1559' }
    const funds = await createWalletClient({ ...options, account: poor, transport: http() })
      .sendTransaction({ ...fees, to: alice.address, value: 1n, nonce: 0 }).catch((error) => error)
    assert.ok(funds.walk((error) => error instanceof InsufficientFundsError), funds.message)
    await mined(await wallet.sendTransaction({ to: bob.address }))
    const used = await wallet.sendTransaction({ ...fees, to: bob.address, nonce: 0 }).catch((error) => error)
    assert.ok(used.walk((error) => error instanceof NonceTooLowError), used.message)
  })

  test('refuses what is not for this chain', { skip: PLAIN }, async () => {
    const nonce = await client.getTransactionCount({ address: alice.address })
    const other = { to: bob.address, gas: 21_000n, maxFeePerGas: parseGwei('10'), nonce, type: 'eip1559' }
    const foreign = await raw('eth_sendRawTransaction', [await alice.signTransaction({ ...other, chainId: chain.id + 1 })]).catch((error) => error)
    assert.equal(foreign.code, -32000)
    assert.match(foreign.message, /^invalid chain ID/)
    const unprotected = await alice.signTransaction({ to: bob.address, gas: 21_000n, gasPrice: parseGwei('10'), nonce, type: 'legacy' })
    const open = await raw('eth_sendRawTransaction', [unprotected]).catch((error) => error)
    assert.equal(open.code, -32000)
    assert.match(open.message, /EIP-155/)
    for (const garbage of ['0x', '0x00', '0x02c0', '0x7ec0', `0x02${'ff'.repeat(40)}`]) {
      const error = await raw('eth_sendRawTransaction', [garbage]).catch((caught) => caught)
      assert.ok(error.code === -32000 || error.code === -32602, `${garbage}: ${error.code} ${error.message}`)
    }
  })

  test('proves accounts and slots against the state root', async () => {
    await mined(await wallet.writeContract({ address: animals, abi: zoo.abi, functionName: 'fill', args: [1n, 20n, 0xabcdn] }))
    const block = await client.getBlock()
    const slot = (index) => keccak256(`0x${index.toString(16).padStart(64, '0')}${'0'.repeat(64)}`)
    const ask = (address, storageKeys) => client.getProof({ address, storageKeys, blockNumber: block.number })
    const contract = await ask(animals, [slot(1), slot(20), slot(4711)])
    assert.deepEqual(contract.storageProof.map(({ value }) => value), [0xabcdn, 0xabcdn, 0n])
    assert.equal(contract.codeHash, keccak256(zoo.deployedBytecode))
    checkProof(block.stateRoot, contract)
    checkProof(block.stateRoot, await ask(alice.address, []))
    checkProof(block.stateRoot, await ask(privateKeyToAccount(generatePrivateKey()).address, [slot(1)]))
    // A proof that lies is found out.
    assert.throws(() => checkProof(block.stateRoot, { ...contract, balance: contract.balance + 1n }))
    assert.throws(() => checkProof(block.stateRoot, { ...contract, storageProof: [{ ...contract.storageProof[0], value: 1n }] }))
  })

  test('has a fee history that agrees with the headers', async () => {
    const newest = await client.getBlockNumber()
    const blockCount = Number(newest < 4n ? newest + 1n : 4n)
    const history = await client.getFeeHistory({ blockCount, blockNumber: newest, rewardPercentiles: [10, 50, 90] })
    assert.equal(history.oldestBlock, newest - BigInt(blockCount) + 1n)
    assert.equal(history.baseFeePerGas.length, blockCount + 1)
    assert.equal(history.gasUsedRatio.length, blockCount)
    assert.equal(history.reward.length, blockCount)
    for (let i = 0; i < blockCount; i += 1) {
      const block = await client.getBlock({ blockNumber: history.oldestBlock + BigInt(i) })
      assert.equal(history.baseFeePerGas[i], block.baseFeePerGas)
      assert.ok(Math.abs(history.gasUsedRatio[i] - Number(block.gasUsed) / Number(block.gasLimit)) < 1e-9)
      const [low, middle, high] = history.reward[i]
      assert.ok(low <= middle && middle <= high)
    }
    const { maxFeePerGas, maxPriorityFeePerGas } = await client.estimateFeesPerGas()
    assert.ok(maxFeePerGas >= maxPriorityFeePerGas)
    assert.ok((await client.getGasPrice()) > 0n)
  })

  test('keeps nonces of many transactions sent at once', async () => {
    const first = await client.getTransactionCount({ address: alice.address })
    const to = privateKeyToAccount(generatePrivateKey()).address
    const hashes = await Promise.all([...Array(10).keys()].map((i) => wallet.sendTransaction({ to, value: 1n, nonce: first + i, gas: 21_000n })))
    assert.equal(await client.getTransactionCount({ address: alice.address, blockTag: 'pending' }), first + 10)
    const receipts = await Promise.all(hashes.map(mined))
    assert.ok(receipts.every(({ status }) => status === 'success'))
    assert.equal(await client.getBalance({ address: to }), 10n)
    assert.equal(await client.getTransactionCount({ address: alice.address }), first + 10)
  })

  describe('over WebSocket', () => {
    let socket
    before(() => {
      socket = createPublicClient({ ...options, transport: webSocket() })
    })
    after(async () => {
      const rpc = await socket.transport.getRpcClient()
      rpc.close()
    })

    test('watches heads in order', async () => {
      const seen = []
      const stop = socket.watchBlocks({ onBlock: (block) => seen.push(block), onError: (error) => seen.push(error) })
      await until(() => seen.length >= 3, 'three heads')
      stop()
      for (const [i, block] of seen.slice(0, 3).entries()) {
        assert.ok(!(block instanceof Error), block)
        if (i > 0) {
          assert.equal(block.number, seen[i - 1].number + 1n)
          assert.equal(block.parentHash, seen[i - 1].hash)
        }
        assert.equal((await client.getBlock({ blockNumber: block.number })).hash, block.hash)
      }
    })

    test('watches events, and reads the same as over HTTP', async () => {
      const to = privateKeyToAccount(generatePrivateKey()).address
      const seen = []
      const stop = socket.watchContractEvent({
        address: erc20, abi: token.abi, eventName: 'Transfer', args: { to }, onLogs: (logs) => seen.push(...logs),
      })
      // The subscription is on once a question on the same connection is answered.
      await socket.getChainId()
      const receipt = await mined(await wallet.writeContract({ address: erc20, abi: token.abi, functionName: 'transfer', args: [to, 9n] }))
      await until(() => seen.length > 0, 'a log')
      stop()
      assert.equal(seen.length, 1)
      assert.equal(seen[0].args.value, 9n)
      assert.equal(seen[0].blockHash, receipt.blockHash)
      assert.deepEqual(await socket.getTransactionReceipt({ hash: receipt.transactionHash }), await client.getTransactionReceipt({ hash: receipt.transactionHash }))
    })
  })

  describe('on a Foggara chain', { skip: PLAIN }, () => {
    const i8 = (...values) => `0x${values.map((value) => (value & 0xff).toString(16).padStart(2, '0')).join('')}`
    // PRECOMPILES.md section 13, example 1.
    const a = i8(1, -2, 3, 4, 5, -6)
    const b = i8(7, 8, 9, -1, 0, 1)
    const c = '0x12000000020000000e000000f6ffffff'

    test('multiplies matrices in a call and in a transaction', async () => {
      const address = await deploy(matmul)
      const call = { account: alice, address, abi: matmulAbi }
      assert.equal(await client.readContract({ ...call, functionName: 'product', args: [2, 3, 2, a, b] }), c)
      assert.deepEqual(await client.readContract({ ...call, functionName: 'productOf', args: [1, 2, 1, [-128, 127], [-128, 127]] }), [32_513])
      const receipt = await mined(await wallet.writeContract({ ...call, functionName: 'multiply', args: [2, 3, 2, a, b] }))
      assert.equal(receipt.status, 'success')
      assert.equal(await client.readContract({ ...call, functionName: 'last' }), c)
      const [event] = await client.getContractEvents({ address, abi: matmul.abi, eventName: 'Multiplied', blockHash: receipt.blockHash })
      assert.equal(event.args.resultHash, keccak256(c))
    })

    test('agrees with a plain product on random matrices', async () => {
      const address = await deploy(matmul)
      const [m, k, n] = [7, 33, 5]
      const random = (count) => crypto.getRandomValues(new Int8Array(count))
      const [left, right] = [random(m * k), random(n * k)]
      const want = []
      for (let i = 0; i < m; i += 1) {
        for (let j = 0; j < n; j += 1) {
          let sum = 0
          for (let l = 0; l < k; l += 1) sum += left[i * k + l] * right[j * k + l]
          want.push(sum)
        }
      }
      const got = await client.readContract({ address, abi: matmul.abi, functionName: 'productOf', args: [m, k, n, [...left], [...right]] })
      assert.deepEqual(got, want)
    })

    test('says by name why a product is refused', async () => {
      const address = await deploy(matmul)
      const refused = (args) => revertOf(client.readContract({ address, abi: matmulAbi, functionName: 'product', args }))
      const short = await refused([2, 3, 2, a, i8(1, 2, 3, 4, 5)])
      assert.equal(short.data.errorName, 'LengthMismatch')
      assert.deepEqual(short.data.args, [2, 6n, 5n])
      assert.equal((await refused([0, 3, 2, '0x', b])).data.errorName, 'BadShape')
    })

    test('charges the published gas', async () => {
      const address = await deploy(matmul)
      const data = encodeFunctionData({
        abi: artifact('IFoggaraMatmul').abi,
        functionName: 'matmul',
        args: [{ flags: 0, kind: 0, batch: 1, m: 2, k: 3, n: 2 }, `0x00${a.slice(2)}`, `0x00${b.slice(2)}`],
      })
      const attempt = async (gas) => (await client.readContract({ address, abi: matmul.abi, functionName: 'raw', args: [data, gas] }))[0]
      assert.equal(await attempt(156n), true)
      assert.equal(await attempt(155n), false)
    })

    test('answers fee questions from the predeploys', async () => {
      const oracle = { address: '0x420000000000000000000000000000000000000F', abi: artifact('IGasPriceOracle').abi }
      const l1Block = { address: '0x4200000000000000000000000000000000000015', abi: artifact('IL1Block').abi }
      const read = (contract, functionName, args) => client.readContract({ ...contract, functionName, args })
      assert.deepEqual(await Promise.all(['isEcotone', 'isFjord', 'isIsthmus', 'isJovian'].map((name) => read(oracle, name))), [true, true, true, false])
      await until(async () => (await read(l1Block, 'timestamp')) > 0n, 'L1 attributes')
      assert.equal(await read(oracle, 'l1BaseFee'), await read(l1Block, 'basefee'))

      const transaction = { chainId: chain.id, to: bob.address, value: 1n, gas: 21_000n, maxFeePerGas: parseGwei('3'), type: 'eip1559', nonce: await client.getTransactionCount({ address: alice.address }) }
      const hash = await client.sendRawTransaction({ serializedTransaction: await alice.signTransaction(transaction) })
      await mined(hash)
      const receipt = await raw('eth_getTransactionReceipt', [hash])
      const at = { blockNumber: BigInt(receipt.blockNumber) }
      assert.equal(BigInt(receipt.l1GasPrice), await client.readContract({ ...oracle, functionName: 'l1BaseFee', ...at }))
      assert.equal(BigInt(receipt.l1BaseFeeScalar), BigInt(await client.readContract({ ...oracle, functionName: 'baseFeeScalar', ...at })))
      // Small transactions all pay for the least size.
      assert.equal(BigInt(receipt.l1Fee), await client.readContract({ ...oracle, functionName: 'getL1Fee', args: ['0x01'], ...at }))
    })

    test('has the usual contracts of others', async () => {
      const abi = parseAbi(['function getBlockNumber() view returns (uint256)', 'function getChainId() view returns (uint256)'])
      const multicall = { address: '0xcA11bde05977b3631167028862bE2a173976CA11', abi }
      const results = await client.multicall({
        contracts: [{ ...multicall, functionName: 'getChainId' }, { ...multicall, functionName: 'getBlockNumber' }],
        multicallAddress: multicall.address,
        allowFailure: false,
      })
      assert.equal(results[0], BigInt(chain.id))
      const salt = `0x${Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('hex')}`
      const receipt = await mined(await wallet.sendTransaction({ to: '0x4e59b44847b379578588920cA78FbF26c0B4956C', data: `${salt}${delegate.bytecode.slice(2)}` }))
      assert.equal(receipt.status, 'success')
    })

    test('tells the life of a transaction up to safe', async () => {
      const hash = await wallet.sendTransaction({ to: bob.address, value: 1n })
      await mined(hash)
      const status = await until(async () => {
        const found = await raw('rollup_txStatus', [hash])
        // Derivation may be a moment ahead of the batcher, which notes where it has posted what.
        return ['safe', 'finalized'].includes(found.level) && found.safe.l1Transactions.length > 0 && found
      }, 'safe, and where on L1')
      assert.ok(status.preconfirmed.blockHash)
      const safe = await client.getBlock({ blockTag: 'safe' })
      assert.ok(safe.number >= BigInt(status.preconfirmed.block))
    })
  })
})
