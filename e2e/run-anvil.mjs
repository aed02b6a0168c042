// Runs the tests against anvil, as L2 and as L1: `node run-anvil.mjs [test files]`.
import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { start } from './lib/tool.mjs'

/** A port that is free now. */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

/** A running anvil and its URL. */
async function anvil(chainId) {
  const port = await freePort()
  const child = start('anvil', ['--port', port, '--chain-id', chainId, '--hardfork', 'prague', '--block-time', '1', '--slots-in-an-epoch', '1', '--silent'])
  const url = `http://127.0.0.1:${port}`
  for (let tries = 0; tries < 100; tries += 1) {
    await sleep(100)
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_chainId', params: [] })
    const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body }).catch(() => null)
    if (answer?.ok) return { child, url }
  }
  child.kill()
  throw new Error('anvil did not start')
}

const l2 = await anvil(31_337)
const l1 = await anvil(900)
const env = { ...process.env, FOGGARA_RPC: l2.url, FOGGARA_L1_RPC: l1.url, FOGGARA_NO_AI: '1' }
const tests = spawn('npm', ['test', '--', ...process.argv.slice(2)], { stdio: 'inherit', env })
tests.on('exit', (code) => {
  l2.child.kill()
  l1.child.kill()
  process.exitCode = code ?? 1
})
