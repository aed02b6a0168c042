// Checks an `eth_getProof` answer against a state root, from the Yellow Paper's description of the trie.
import { fromRlp, hexToBytes, keccak256, numberToHex, pad, size, toRlp } from 'viem'

/** Half-bytes of a hex string. */
const nibbles = (hex) => [...hex.slice(2)].map((digit) => Number.parseInt(digit, 16))

/** Value at `key` under `root` as RLP, or null where the proof shows that there is none. Throws if it shows neither. */
export function prove(root, key, nodes) {
  const path = nibbles(keccak256(key))
  let wanted = root
  for (let index = 0; ; index += 1) {
    if (index === nodes.length) throw new Error('the proof ends too early')
    if (keccak256(nodes[index]) !== wanted) throw new Error(`node ${index} has not the hash that its parent names`)
    let node = fromRlp(nodes[index])
    // A child below 32 bytes stands inside its parent.
    for (;;) {
      let next
      if (node.length === 17) {
        if (path.length === 0) return node[16] === '0x' ? null : node[16]
        next = node[path.shift()]
      } else {
        const [flag, ...encoded] = nibbles(node[0])
        const part = flag & 1 ? encoded : encoded.slice(1)
        if (part.some((nibble, i) => nibble !== path[i])) return null
        path.splice(0, part.length)
        if (flag & 2) return path.length === 0 ? node[1] : null
        next = node[1]
      }
      if (next === '0x') return null
      if (typeof next === 'string') {
        wanted = next
        break
      }
      node = next
    }
  }
}

/** Checks account and storage of a proof against the state root; throws at the first thing that is wrong. */
export function checkProof(stateRoot, proof) {
  const quantity = (value) => (BigInt(value) === 0n ? '0x' : numberToHex(BigInt(value)))
  const even = (hex) => (hex.length % 2 ? `0x0${hex.slice(2)}` : hex)
  const account = toRlp([even(quantity(proof.nonce)), even(quantity(proof.balance)), proof.storageHash, proof.codeHash])
  const found = stateRoot === EMPTY_ROOT ? null : prove(stateRoot, proof.address, proof.accountProof)
  if (found === null) {
    if (BigInt(proof.nonce) !== 0n || BigInt(proof.balance) !== 0n) throw new Error('the account is not in the trie')
  } else if (found !== account) throw new Error(`account ${found} is in the trie, not ${account}`)
  for (const { key, value, proof: nodes } of proof.storageProof) {
    const slot = pad(even(key), { size: 32 })
    if (size(slot) !== 32) throw new Error(`slot ${key}`)
    const inTrie = proof.storageHash === EMPTY_ROOT ? null : prove(proof.storageHash, slot, nodes)
    const expected = BigInt(value) === 0n ? null : toRlp(hexToBytes(even(quantity(value))), 'hex')
    if (inTrie !== expected) throw new Error(`slot ${key}: ${inTrie} is in the trie, not ${expected}`)
  }
}

/** Root of a trie without entries. */
export const EMPTY_ROOT = '0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421'
