// Builds artifacts/*.json from src with the solc of package.json.
//
//   node build.mjs            writes the artifacts
//   node build.mjs --check    rebuilds in memory and compares byte for byte; ends with 1 if anything differs
//
// Reproducible: no metadata hash, relative source names, sorted keys. Needs node_modules (npm ci), no network.
import { createRequire } from 'node:module'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = dirname(fileURLToPath(import.meta.url))
const OUT = join(ROOT, 'artifacts')
const require = createRequire(import.meta.url)

const SETTINGS = {
  evmVersion: 'prague',
  optimizer: { enabled: true, runs: 10_000 },
  metadata: { appendCBOR: false, bytecodeHash: 'none' },
  outputSelection: {
    '*': { '*': ['abi', 'evm.bytecode.object', 'evm.deployedBytecode.object', 'evm.deployedBytecode.immutableReferences', 'evm.methodIdentifiers', 'storageLayout'] },
  },
}

/** Every Solidity file under `folder`, as names relative to the contracts folder, sorted. */
function sources(folder) {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.sol'))
    .map((entry) => relative(ROOT, join(entry.parentPath ?? entry.path, entry.name)))
    .sort()
}

/** Reads an import from node_modules. */
function findImport(path) {
  const file = join(ROOT, 'node_modules', path)
  return existsSync(file) ? { contents: readFileSync(file, 'utf8') } : { error: `${path}: not in node_modules (run npm ci)` }
}

/** The same value with the keys of every object sorted. */
function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]))
}

/** Storage layout without the numbers of syntax tree nodes, which change with every edit. */
function layout(raw) {
  return (raw?.storage ?? []).map(({ label, slot, offset, type }) => ({
    label,
    slot: Number(slot),
    offset,
    type: raw.types[type].label,
    bytes: Number(raw.types[type].numberOfBytes),
  }))
}

/** Immutable references by name: the byte offsets in the deployed code at which the 32-byte value stands. */
function immutables(references, ast) {
  return Object.fromEntries(Object.entries(references ?? {}).map(([id, places]) => [ast.get(Number(id)) ?? id, places.map((place) => place.start)]))
}

/** Names of all state variables by node number. */
function names(node, found = new Map()) {
  if (Array.isArray(node)) node.forEach((child) => names(child, found))
  else if (node && typeof node === 'object') {
    if (node.nodeType === 'VariableDeclaration' && node.stateVariable) found.set(node.id, node.name)
    Object.values(node).forEach((child) => names(child, found))
  }
  return found
}

function compile() {
  const solc = require('solc')
  const files = sources('src')
  const input = {
    language: 'Solidity',
    sources: Object.fromEntries(files.map((file) => [file, { content: readFileSync(join(ROOT, file), 'utf8') }])),
    settings: { ...SETTINGS, outputSelection: { '*': { ...SETTINGS.outputSelection['*'], '': ['ast'] } } },
  }
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: findImport }))
  const problems = output.errors ?? []
  for (const problem of problems) if (!expected(problem)) process.stderr.write(problem.formattedMessage)
  if (problems.some((problem) => problem.severity === 'error')) process.exit(1)

  const ast = names(Object.values(output.sources).map((source) => source.ast))
  const artifacts = new Map()
  for (const file of files) {
    for (const [name, contract] of Object.entries(output.contracts[file] ?? {})) {
      if (isHelper(file, name, contract)) continue
      const artifact = {
        contractName: name,
        sourceName: file,
        compiler: { version: solc.version(), evmVersion: SETTINGS.evmVersion, optimizer: SETTINGS.optimizer, metadata: SETTINGS.metadata },
        abi: contract.abi,
        bytecode: `0x${contract.evm.bytecode.object}`,
        deployedBytecode: `0x${contract.evm.deployedBytecode.object}`,
        immutableReferences: immutables(contract.evm.deployedBytecode.immutableReferences, ast),
        methodIdentifiers: contract.evm.methodIdentifiers,
        storageLayout: layout(contract.storageLayout),
      }
      if (artifacts.has(`${name}.json`)) throw new Error(`two contracts are named ${name}`)
      artifacts.set(`${name}.json`, `${JSON.stringify(sorted(artifact), null, 2)}\n`)
    }
  }
  return artifacts
}

/** What serves only the contracts beside it: libraries and bases of the mocks. */
function isHelper(file, name, contract) {
  const isMock = name.startsWith('Slow') && name !== 'SlowMath' && contract.evm.bytecode.object !== ''
  return file.startsWith('src/ai/slow/') && !isMock
}

/** Warnings about what is done on purpose: self-destruction (5159) and transient storage (2394). */
function expected(problem) {
  return problem.severity === 'warning' && ['5159', '2394'].includes(problem.errorCode)
}

const artifacts = compile()
const present = existsSync(OUT) ? readdirSync(OUT).filter((file) => file.endsWith('.json')) : []
if (process.argv.includes('--check')) {
  const differ = [...new Set([...artifacts.keys(), ...present])].filter(
    (file) => !present.includes(file) || artifacts.get(file) !== readFileSync(join(OUT, file), 'utf8'),
  )
  for (const file of differ) console.error(`differs: artifacts/${file} (run: node build.mjs)`)
  if (differ.length > 0) process.exitCode = 1
  else console.log(`${artifacts.size} artifacts are what the sources say`)
} else {
  mkdirSync(OUT, { recursive: true })
  for (const file of present) if (!artifacts.has(file)) rmSync(join(OUT, file))
  for (const [file, text] of artifacts) writeFileSync(join(OUT, file), text)
  console.log(`${artifacts.size} artifacts written`)
}
