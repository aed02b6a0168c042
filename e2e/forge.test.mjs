// Deploying with forge from the Solidity project, compiler included.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import { toHex } from 'viem'
import { mnemonicToAccount } from 'viem/accounts'
import { ACCOUNTS, CONTRACTS, MNEMONIC, RPC, artifact } from './lib/env.mjs'
import { run } from './lib/tool.mjs'

const deployer = mnemonicToAccount(MNEMONIC, { addressIndex: ACCOUNTS.forge[0] })
const key = toHex(deployer.getHdKey().privateKey)

describe('forge', { timeout: 240_000 }, () => {
  before(() => {
    assert.ok(existsSync(join(CONTRACTS, 'node_modules', 'solc')), `run \`npm ci\` in ${CONTRACTS} first`)
  })

  const create = async (path, ...rest) =>
    JSON.parse(await run('forge', ['create', '--rpc-url', RPC, '--private-key', key, '--json', '--broadcast', path, ...rest], { cwd: CONTRACTS }))

  test('creates an ERC-20 with constructor arguments', async () => {
    const made = await create('src/examples/TestToken.sol:TestToken', '--constructor-args', 'Forged', 'FRG', '1000')
    assert.equal(made.deployer, deployer.address)
    assert.equal(await run('cast', ['call', made.deployedTo, 'symbol()(string)']), '"FRG"')
    assert.equal(await run('cast', ['call', made.deployedTo, 'balanceOf(address)(uint256)', deployer.address]), '1000')
    const receipt = JSON.parse(await run('cast', ['receipt', '--json', made.transactionHash]))
    assert.equal(receipt.status, '0x1')
    assert.equal(receipt.type, '0x2')
  })

  test('creates with a legacy transaction what the artifact says', async () => {
    const made = await create('src/examples/Zoo.sol:Zoo', '--legacy')
    assert.equal(await run('cast', ['code', made.deployedTo]), artifact('Zoo').deployedBytecode)
    const receipt = JSON.parse(await run('cast', ['receipt', '--json', made.transactionHash]))
    assert.equal(receipt.type, '0x0')
  })
})
