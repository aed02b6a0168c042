// Runs Foundry's command line tools: the native programs of the npm packages, since the launchers that npm has too
// end with 0 whatever the tool ended with. Where npm has no program for the machine, the one on the path is taken.
import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const MODULES = join(dirname(fileURLToPath(import.meta.url)), '..', 'node_modules')
const ARCH = { x64: 'amd64', arm64: 'arm64' }[process.arch]

/** The native program of a tool. */
export function program(tool) {
  const path = join(MODULES, '@foundry-rs', `${tool}-${process.platform}-${ARCH}`, 'bin', tool)
  return existsSync(path) ? path : tool
}

/** Output of `tool` (cast or forge); throws an error with `stderr` and `stdout` if it fails. */
export function run(tool, args, { cwd, timeout = 120_000 } = {}) {
  const env = { ...process.env, NO_COLOR: '1', ETH_RPC_URL: process.env.FOGGARA_RPC }
  return new Promise((resolve, reject) => {
    execFile(program(tool), args.map(String), { cwd, timeout, env, maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      if (error) reject(Object.assign(new Error(`${tool} ${args.join(' ')}\n${stderr}${stdout}`), { stderr, stdout, code: error.code }))
      else resolve(stdout.trim())
    })
  })
}

/** Starts a tool that goes on running (anvil). */
export function start(tool, args) {
  return spawn(program(tool), args.map(String), { stdio: 'inherit' })
}
