// Runs Foundry's command line tools. The launchers that npm links into `.bin` end with 0 whatever the tool ended
// with, so the native programs are run themselves.
import { execFile, spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const MODULES = join(dirname(fileURLToPath(import.meta.url)), '..', 'node_modules')
const ARCH = { x64: 'amd64', arm64: 'arm64' }[process.arch]

/** Path of the native program of a tool. */
export function program(tool) {
  return join(MODULES, '@foundry-rs', `${tool}-${process.platform}-${ARCH}`, 'bin', tool)
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
