// The second implementation: checks every vector with node's own crypto and nothing else.
//
//   node vectors/check.mjs [folder]
//
// Written from docs/spec/envelope.md, register.md, evidence.md, consent.md and enrolment.md. Names each vector that does not come out as it says,
// then says how many did; exits 0 when all hold, 1 otherwise.

import {
  createDecipheriv, createHash, createHmac, createPrivateKey, createPublicKey, diffieHellman, verify,
  X509Certificate,
} from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = process.argv[2] ?? dirname(fileURLToPath(import.meta.url))

class Refused extends Error {}

const refuse = (why) => { throw new Refused(why) }
const must = (holds, why) => { if (!holds) refuse(why) }
const bytes = (hex) => Buffer.from(hex, 'hex')
const sha256 = (...parts) => createHash('sha256').update(Buffer.concat(parts)).digest()
const same = (a, b) => Buffer.isBuffer(a) && Buffer.isBuffer(b) && a.equals(b)

// ---- CBOR (RFC 8949), strictly: shortest heads, definite lengths, no tag, no float, no duplicate key -------------
// Integers are BigInt, byte strings Buffer, text string, arrays Array, maps Map.

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function item (data, at, depth) {
  must(at < data.length, 'truncated')
  const major = data[at] >> 5
  const info = data[at] & 31
  at += 1
  if (major === 7) {
    must(info >= 20 && info <= 22, 'a simple value or a float')
    return [[false, true, null][info - 20], at]
  }
  must(info <= 27, 'an indefinite length')
  let n = BigInt(info)
  if (info >= 24) {
    const width = 1 << (info - 24)
    must(at + width <= data.length, 'truncated')
    n = BigInt('0x' + data.subarray(at, at + width).toString('hex'))
    const least = [24n, 1n << 8n, 1n << 16n, 1n << 32n][info - 24]
    must(n >= least, 'not the shortest form')
    at += width
  }
  if (major === 0) return [n, at]
  if (major === 1) return [-1n - n, at]
  must(n <= BigInt(data.length - at), 'longer than the data')
  const length = Number(n)
  if (major === 2) return [data.subarray(at, at + length), at + length]
  if (major === 3) {
    try {
      return [utf8.decode(data.subarray(at, at + length)), at + length]
    } catch { refuse('text that is not UTF-8') }
  }
  must(major !== 6, 'a tag')
  must(depth < 8, 'too deep')
  if (major === 4) {
    const list = []
    for (let i = 0; i < length; i++) {
      let value
      ;[value, at] = item(data, at, depth + 1)
      list.push(value)
    }
    return [list, at]
  }
  const map = new Map()
  for (let i = 0; i < length; i++) {
    let key, value
    ;[key, at] = item(data, at, depth + 1)
    must(typeof key === 'bigint' || typeof key === 'string', 'a key of another type')
    must(!map.has(key), 'a duplicate key')
    ;[value, at] = item(data, at, depth + 1)
    map.set(key, value)
  }
  return [map, at]
}

function decode (data, limit) {
  must(data.length <= limit, 'too large')
  const [value, end] = item(data, 0, 0)
  must(end === data.length, 'trailing bytes')
  return value
}

function head (major, n) {
  if (n < 24) return Buffer.from([major << 5 | n])
  if (n < 256) return Buffer.from([major << 5 | 24, n])
  must(n < 65536, 'longer than we write')
  return Buffer.from([major << 5 | 25, n >> 8, n & 255])
}

const bstr = (data) => Buffer.concat([head(2, data.length), data])
const isBytes = (value, n) => Buffer.isBuffer(value) && (n === undefined || value.length === n)
const isUint = (value, most) => typeof value === 'bigint' && value >= 0n && value <= most
const keysAre = (map, keys) => {
  const found = map instanceof Map ? [...map.keys()] : []
  return found.length === keys.length && keys.every((key, i) => found[i] === key)
}

// ---- keys and COSE_Sign1 (RFC 9052) -----------------------------------------------------------------------------

const ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551n
const ED25519_SPKI = bytes('302a300506032b6570032100')
const ed25519 = (raw) => createPublicKey({ key: Buffer.concat([ED25519_SPKI, raw]), format: 'der', type: 'spki' })
const spki = (der) => createPublicKey({ key: der, format: 'der', type: 'spki' })
const raw = (key) => Buffer.from(key.export({ format: 'jwk' }).x, 'base64url')

function verifyCose (alg, key, signature, message) {
  must(isBytes(signature, 64), 'a signature has 64 bytes')
  if (key.asymmetricKeyType === 'ed25519') {
    must(alg === -8n || alg === -19n, "not the key's algorithm")
    must(verify(null, message, key, signature), 'the signature does not verify')
    return
  }
  must(alg === -7n || alg === -9n, "not the key's algorithm")
  const r = BigInt('0x' + signature.subarray(0, 32).toString('hex'))
  const s = BigInt('0x' + signature.subarray(32).toString('hex'))
  must(r > 0n && r < ORDER && s > 0n && s <= ORDER / 2n, 'not a low S')
  must(verify('sha256', message, { key, dsaEncoding: 'ieee-p1363' }, signature), 'the signature does not verify')
}

const structure = (protectedBytes, payload) =>
  Buffer.concat([Buffer.from('846a5369676e617475726531', 'hex'), bstr(protectedBytes), Buffer.from([0x40]), bstr(payload)])

function sign1 (data, limit, headerLimit = 1024) {
  must(data[0] === 0xd2, 'no tag 18')
  const parts = decode(data.subarray(1), limit)
  must(Array.isArray(parts) && parts.length === 4, 'not four parts')
  const [protectedBytes, unprotected, payload, signature] = parts
  must(isBytes(protectedBytes) && unprotected instanceof Map && isBytes(signature), 'parts of another type')
  must(payload === null || isBytes(payload), 'a payload of another type')
  const header = decode(protectedBytes, headerLimit)
  must(header instanceof Map, 'a header that is not a map')
  return { protectedBytes, header, unprotected, payload, signature }
}

const kid = (key) => sha256(Buffer.concat([bytes('a3010120062158'), Buffer.from([0x20]), raw(key)]))

// ---- envelopes --------------------------------------------------------------------------------------------------

const URN = /^urn:uuid:([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/
const uuid = (text) => (typeof text === 'string' && URN.exec(text)?.[1]) || refuse('not a UUID')

function readings (payload) {
  const value = decode(payload, 60000)
  must(Array.isArray(value) && value.length === 2 && isUint(value[0], 1n << 45n), 'not readings')
  must(Array.isArray(value[1]) && value[1].length >= 1 && value[1].length <= 64, 'not 1 to 64 series')
  const name = (text) => typeof text === 'string' && /^[\x20-\x7e]{1,32}$/.test(text)
  const series = value[1].map((row) => {
    must(Array.isArray(row) && row.length === 5, 'not a series')
    const [code, unit, times, exponent, values] = row
    must(name(code) && name(unit), 'a code or a unit of another form')
    must(typeof exponent === 'bigint' && exponent >= -12n && exponent <= 12n, 'an exponent out of range')
    const fits = (v) => typeof v === 'bigint' && v <= 1n << 53n && v >= -(1n << 53n)
    must(Array.isArray(values) && values.length > 0 && values.every(fits), 'values out of range')
    let offsets
    if (Array.isArray(times)) {
      must(times.length === values.length && times.every((t) => isUint(t, 1n << 45n)), 'offsets out of range')
      must(times.every((t, i) => i === 0 || t >= times[i - 1]), 'offsets that decrease')
      offsets = times.map(Number)
    } else {
      must(isUint(times, 1n << 40n) && (times > 0n || values.length === 1), 'a period out of range')
      offsets = values.map((_, i) => Number(BigInt(i) * times / 1000n))
    }
    return { code, unit, exponent: Number(exponent), values: values.map(Number), offsets_ms: offsets }
  })
  return { t0_ms: Number(value[0]), series }
}

function envelope (v) {
  const data = bytes(v.envelope)
  const s = sign1(data, 62000)
  must(s.unprotected.size === 0, 'an unprotected header')
  must(isBytes(s.payload) && s.payload.length <= 60000, 'no payload, or too large')
  must(keysAre(s.header, [1n, 3n, 15n, 34n, 'clock']), 'another header')
  must(s.header.get(3n) === 'application/vnd.egide.readings+cbor', 'another content type')
  const claims = s.header.get(15n)
  must(keysAre(claims, [1n, 2n, 6n, 7n, 'seq']), 'other claims')
  const x5t = s.header.get(34n)
  must(Array.isArray(x5t) && x5t.length === 2 && x5t[0] === -16n && isBytes(x5t[1], 32), 'another x5t')
  const clock = s.header.get('clock')
  must(Array.isArray(clock) && clock.length === 3 && isBytes(clock[0], 8), 'another clock')
  must(isUint(clock[1], 1n << 53n) && typeof clock[2] === 'boolean', 'another clock')
  must(isUint(claims.get(6n), (1n << 40n) - 1n) && isUint(claims.get('seq'), 1n << 53n), 'iat or seq out of range')
  must(isBytes(claims.get(7n), 16) && isBytes(s.signature, 64), 'another cti or signature')
  const signed = structure(s.protectedBytes, s.payload)
  verifyCose(s.header.get(1n), spki(bytes(v.key)), s.signature, signed)
  return {
    alg: Number(s.header.get(1n)),
    identity: sha256(signed).toString('hex'),
    leaf: sha256(Buffer.from([0]), data).toString('hex'),
    object: uuid(claims.get(1n)),
    pairing: uuid(claims.get(2n)),
    iat: Number(claims.get(6n)),
    cti: claims.get(7n).toString('hex'),
    seq: Number(claims.get('seq')),
    readings: readings(s.payload),
  }
}

// ---- the tree (RFC 9162) ----------------------------------------------------------------------------------------

const leafHash = (entry) => sha256(Buffer.from([0]), entry)
const node = (left, right) => sha256(Buffer.from([1]), left, right)

function treeRoot (leaves) {
  if (leaves.length === 0) return sha256()
  if (leaves.length === 1) return leaves[0]
  let k = 1
  while (k * 2 < leaves.length) k *= 2
  return node(treeRoot(leaves.slice(0, k)), treeRoot(leaves.slice(k)))
}

const once = (make) => {
  const made = new Map()
  return (n) => made.get(n) ?? made.set(n, make(n)).get(n)
}
const entries = once((size) => Array.from({ length: size }, (_, i) => leafHash(Buffer.from(`entry ${i}`))))
const rootOf = once((size) => treeRoot(entries(size)))

function rootFromInclusion (leaf, index, size, path) {
  must(index >= 0n && index < size, 'no such leaf')
  let [fn, sn, r] = [index, size - 1n, leaf]
  for (const p of path) {
    must(isBytes(p, 32) && sn !== 0n, 'a path too long')
    if ((fn & 1n) === 1n || fn === sn) {
      r = node(p, r)
      while ((fn & 1n) === 0n && fn !== 0n) { fn >>= 1n; sn >>= 1n }
    } else {
      r = node(r, p)
    }
    fn >>= 1n
    sn >>= 1n
  }
  must(sn === 0n, 'a path too short')
  return r
}

function checkConsistency (first, firstRoot, second, secondRoot, path) {
  must(first >= 0n && first <= second, 'sizes out of order')
  if (first === second || first === 0n) {
    must(path.length === 0, 'a proof that should be empty')
    must(same(firstRoot, first === second ? secondRoot : sha256()), 'another root')
    return
  }
  const hashes = (first & (first - 1n)) === 0n ? [firstRoot, ...path] : [...path]
  must(hashes.length > 0, 'a proof too short')
  let [fn, sn] = [first - 1n, second - 1n]
  while ((fn & 1n) === 1n) { fn >>= 1n; sn >>= 1n }
  let fr = hashes[0]
  let sr = hashes[0]
  for (const c of hashes.slice(1)) {
    must(isBytes(c, 32) && sn !== 0n, 'a proof too long')
    if ((fn & 1n) === 1n || fn === sn) {
      fr = node(c, fr)
      sr = node(c, sr)
      while ((fn & 1n) === 0n && fn !== 0n) { fn >>= 1n; sn >>= 1n }
    } else {
      sr = node(sr, c)
    }
    fn >>= 1n
    sn >>= 1n
  }
  must(sn === 0n && same(fr, firstRoot) && same(sr, secondRoot), 'not the beginning of the newer tree')
}

function tilePath (level, n, width) {
  const groups = [String(n % 1000).padStart(3, '0')]
  for (n = Math.floor(n / 1000); n > 0; n = Math.floor(n / 1000)) groups.unshift('x' + String(n % 1000).padStart(3, '0'))
  return `tile/${level}/${groups.join('/')}` + (width === 256 ? '' : `.p/${width}`)
}

function tile (v) {
  const leaves = entries(v.size)
  const span = 256 ** v.level
  const rows = []
  for (let i = v.n * 256; i < v.n * 256 + v.width; i++) rows.push(treeRoot(leaves.slice(i * span, (i + 1) * span)))
  return { sha256: sha256(...rows).toString('hex'), root: rootOf(v.size).toString('hex') }
}

// ---- receipts (RFC 9942), refusals, answers ---------------------------------------------------------------------

function logHeader (s, v, keys, claimKeys) {
  must(keysAre(s.header, keys), 'another header')
  must(same(s.header.get(4n), kid(spki(bytes(v.key)))), "not the log's kid")
  const claims = s.header.get(15n)
  must(keysAre(claims, claimKeys), 'other claims')
  must(typeof claims.get(1n) === 'string' && claims.get(1n).length > 0, 'no issuer')
  must(claims.get(2n) === v.log, 'another log')
  return claims
}

function proof (s, kind) {
  must(s.payload === null, 'a payload that is attached')
  must(keysAre(s.unprotected, [396n]) && keysAre(s.unprotected.get(396n), [kind]), 'another proof')
  const proofs = s.unprotected.get(396n).get(kind)
  must(Array.isArray(proofs) && proofs.length === 1 && isBytes(proofs[0]), 'not one proof')
  const value = decode(proofs[0], 8192)
  must(Array.isArray(value) && value.length === 3 && Array.isArray(value[2]), 'not a proof')
  const [a, b, path] = value
  must(isUint(a, (1n << 63n) - 1n) && isUint(b, (1n << 63n) - 1n), 'sizes out of range')
  must(path.length > 0 && path.length <= 128 && path.every((h) => isBytes(h, 32)), 'not a path')
  return value
}

const RECEIPT_KEYS = [1n, 4n, 15n, 395n]

function verifyReceipt (data, leaf, v) {
  const s = sign1(data, 8192)
  const [size, index, path] = proof(s, -1n)
  const claims = logHeader(s, v, RECEIPT_KEYS, [1n, 2n, 'size'])
  must(s.header.get(395n) === 1n && claims.get('size') === size, 'another tree')
  const root = rootFromInclusion(leaf, index, size, path)
  verifyCose(s.header.get(1n), spki(bytes(v.key)), s.signature, structure(s.protectedBytes, root))
  return { size: Number(size), index: Number(index), root: root.toString('hex') }
}

function consistencyReceipt (v) {
  const s = sign1(bytes(v.receipt), 8192)
  const [first, second, path] = proof(s, -2n)
  const claims = logHeader(s, v, RECEIPT_KEYS, [1n, 2n, 'size'])
  must(s.header.get(395n) === 1n && claims.get('size') === second, 'another tree')
  must(first === BigInt(v.first) && second === BigInt(v.second), 'other sizes')
  const newer = bytes(v.second_root)
  verifyCose(s.header.get(1n), spki(bytes(v.key)), s.signature, structure(s.protectedBytes, newer))
  checkConsistency(first, bytes(v.first_root), second, newer, path)
  return {}
}

function answer (v) {
  const value = decode(bytes(v.answer), 8256)
  must(Array.isArray(value) && value.length === 3 && isBytes(value[1], 32) && isBytes(value[2]), 'not an answer')
  const [kind, digest, content] = value
  must(same(digest, bytes(v.digest)), 'about another envelope')
  if (kind === 1n) {
    verifyReceipt(content, bytes(v.leaf), v)
    return { receipt: content.toString('hex') }
  }
  must(kind === 2n, 'another kind of answer')
  const s = sign1(content, 1024)
  must(s.unprotected.size === 0 && isBytes(s.payload), 'no payload')
  const claims = logHeader(s, v, [1n, 3n, 4n, 15n], [1n, 2n, 6n])
  must(s.header.get(3n) === 'application/vnd.egide.refusal+cbor' && claims.get(1n) === v.log, 'another header')
  verifyCose(s.header.get(1n), spki(bytes(v.key)), s.signature, structure(s.protectedBytes, s.payload))
  const refusal = decode(s.payload, 1024)
  must(Array.isArray(refusal) && refusal.length === 3 && same(refusal[0], digest), "another envelope's refusal")
  must(/^[a-z0-9-]{1,40}$/.test(refusal[1]) && typeof refusal[2] === 'boolean', 'not a refusal')
  return { code: refusal[1], retryable: refusal[2], iat: Number(claims.get(6n)) }
}

// ---- notes, checkpoints, witnesses (C2SP) -----------------------------------------------------------------------

function base64 (text) {
  const data = Buffer.from(text, 'base64')
  must(data.toString('base64') === text, 'base64 in another form')
  return data
}

function vkey (text) {
  const match = /^([^+\s]+)\+([0-9a-f]{8})\+(.+)$/.exec(text) ?? refuse('not a verifier key')
  const blob = base64(match[3])
  const id = sha256(Buffer.from(match[1] + '\n'), blob).subarray(0, 4)
  must(blob.length === 33 && id.toString('hex') === match[2], "not that key's id")
  return { name: match[1], kind: blob[0], id, key: ed25519(blob.subarray(1)) }
}

function readNote (data) {
  let text
  try { text = utf8.decode(data) } catch { refuse('not UTF-8') }
  // eslint-disable-next-line no-control-regex
  must(data.length <= 16384 && !/[\x00-\x09\x0b-\x1f]/.test(text), 'a control character')
  const at = text.lastIndexOf('\n\n')
  must(at >= 0 && text.endsWith('\n'), 'no signature')
  const lines = text.slice(at + 2, -1).split('\n')
  must(text.length > at + 2 && lines.length <= 17, 'no signature, or too many')
  const signatures = lines.map((line) => {
    const match = /^\u2014 ([^+\s]+) (\S+)$/.exec(line) ?? refuse('not a signature line')
    const blob = base64(match[2])
    must(blob.length > 4, 'a signature too short')
    return { name: match[1], id: blob.subarray(0, 4), signature: blob.subarray(4) }
  })
  return { text: text.slice(0, at + 1), signatures }
}

function readCheckpoint (text) {
  const [origin, size, root, ...more] = text.slice(0, -1).split('\n')
  must(/^[^+\s]+$/.test(origin) && /^(0|[1-9][0-9]{0,18})$/.test(size ?? '') && root, 'not a checkpoint')
  must(base64(root).length === 32 && more.every((line) => line !== ''), 'not a checkpoint')
  return { origin, size: BigInt(size), root: base64(root) }
}

const linesOf = (note, key) => note.signatures.filter((s) => s.name === key.name && s.id.equals(key.id))

function verifyNote (note, checkpoint, log) {
  must(checkpoint.origin === log.name && log.kind === 1, 'another log')
  const lines = linesOf(note, log)
  must(lines.length > 0, 'not signed by the log')
  for (const line of lines) must(verify(null, Buffer.from(note.text), log.key, line.signature), 'a bad signature')
}

function checkpoint (v) {
  const note = readNote(bytes(v.note))
  const found = readCheckpoint(note.text)
  verifyNote(note, found, vkey(v.log))
  const cosigned = []
  for (const witness of v.witnesses.map(vkey)) {
    const times = linesOf(note, witness).map(({ signature }) => {
      must(witness.kind === 4 && signature.length === 72, 'not a cosignature')
      const time = signature.readBigUInt64BE(0)
      const message = Buffer.from(`cosignature/v1\ntime ${time}\n${note.text}`)
      must(verify(null, message, witness.key, signature.subarray(8)), 'a bad cosignature')
      return Number(time)
    })
    if (times.length > 0) cosigned.push([witness.name, Math.max(...times)])
  }
  return { origin: found.origin, size: Number(found.size), root: found.root.toString('hex'), cosigned }
}

function witness (v) {
  const status = (code, why) => Object.assign(new Refused(why), { status: code })
  try {
    const data = bytes(v.request)
    const at = data.indexOf('\n\n')
    must(at >= 0, 'no empty line')
    const [first, ...lines] = data.subarray(0, at).toString('latin1').split('\n')
    must(/^old (0|[1-9][0-9]{0,18})$/.test(first) && lines.length <= 63, 'not a request')
    const path = lines.map(base64)
    must(path.every((h) => h.length === 32), 'not a proof')
    const note = readNote(data.subarray(at + 2))
    const found = readCheckpoint(note.text)
    const old = BigInt(first.slice(4))
    const log = vkey(v.log)
    if (found.origin !== log.name) throw status(404, 'another log')
    try { verifyNote(note, found, log) } catch { throw status(403, 'not signed') }
    must(old <= found.size, 'old above new')
    const known = v.known ? { size: BigInt(v.known.size), root: bytes(v.known.root) } : { size: 0n, root: sha256() }
    if (old !== known.size) throw status(409, 'another size')
    if (found.size === known.size && !same(found.root, known.root)) throw status(409, 'another root')
    try {
      checkConsistency(known.size, known.root, found.size, found.root, path)
    } catch { throw status(422, 'no proof') }
    return { status: 200 }
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    return { status: error.status ?? 400 }
  }
}

// ---- genesis statements, sealed bytes ---------------------------------------------------------------------------

function genesis (v) {
  const chain = [...v.chain, v.root].map((der) => new X509Certificate(bytes(der)))
  chain.slice(0, -1).forEach((certificate, i) => {
    must(certificate.checkIssued(chain[i + 1]) && certificate.verify(chain[i + 1].publicKey), 'a broken chain')
  })
  const s = sign1(bytes(v.statement), 16384)
  must(s.unprotected.size === 0 && isBytes(s.payload) && keysAre(s.header, [1n, 3n, 15n, 34n]), 'another header')
  must(s.header.get(3n) === 'application/vnd.egide.journal+cbor', 'another content type')
  must(same(s.header.get(34n)[1], sha256(bytes(v.chain[0]))), 'another certificate')
  const [kind, at, facts, sealed] = decode(s.payload, 16384)
  must(kind === 'genesis' && typeof at === 'bigint' && facts instanceof Map && sealed === null, 'not a genesis')
  const claims = s.header.get(15n)
  must(chain[0].subjectAltName === `URI:${claims.get(1n)}`, 'another platform')
  const previous = facts.get('previous')
  must(claims.get(2n) === facts.get('uri') && previous?.[1] !== facts.get('uri'), 'about another log')
  verifyCose(s.header.get(1n), chain[0].publicKey, s.signature, structure(s.protectedBytes, s.payload))
  return {
    origin: facts.get('origin'),
    uri: facts.get('uri'),
    log_key: facts.get('key').toString('hex'),
    previous: previous && [previous[0], previous[1], Number(previous[2]), previous[3].toString('hex')],
  }
}

function gcm (key, nonce, sealed, aad) {
  const cipher = createDecipheriv('aes-256-gcm', key, nonce)
  cipher.setAAD(aad)
  cipher.setAuthTag(sealed.subarray(-16))
  try {
    return Buffer.concat([cipher.update(sealed.subarray(0, -16)), cipher.final()]).toString('hex')
  } catch { return refuse('sealed bytes that do not open') }
}

// HPKE (RFC 9180), base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, one message.
function hpke (v) {
  const hmac = (key, data) => createHmac('sha256', key).update(data).digest()
  const expand = (prk, info, n) => {
    let [out, last] = [Buffer.alloc(0), Buffer.alloc(0)]
    for (let i = 1; out.length < n; i++) {
      last = hmac(prk, Buffer.concat([last, info, Buffer.from([i])]))
      out = Buffer.concat([out, last])
    }
    return out.subarray(0, n)
  }
  const word = (n) => Buffer.from([n >> 8, n & 255])
  const label = (suite, text, ikm) => Buffer.concat([Buffer.from('HPKE-v1'), suite, Buffer.from(text), ikm])
  const extract = (suite, salt, text, ikm) => hmac(salt.length ? salt : Buffer.alloc(32), label(suite, text, ikm))
  const expandLabel = (suite, prk, text, info, n) => expand(prk, Buffer.concat([word(n), label(suite, text, info)]), n)
  const empty = Buffer.alloc(0)

  const sealed = bytes(v.sealed)
  const [enc, box] = [sealed.subarray(0, 32), sealed.subarray(32)]
  const pkcs8 = Buffer.concat([bytes('302e020100300506032b656e04220420'), bytes(v.seed)])
  const privateKey = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
  const x25519 = (point) =>
    createPublicKey({ key: Buffer.concat([bytes('302a300506032b656e032100'), point]), format: 'der', type: 'spki' })
  must(same(raw(createPublicKey(privateKey)), bytes(v.public)), 'another public key')
  const dh = diffieHellman({ privateKey, publicKey: x25519(enc) })

  const kem = Buffer.concat([Buffer.from('KEM'), word(0x20)])
  const prk = extract(kem, empty, 'eae_prk', dh)
  const shared = expandLabel(kem, prk, 'shared_secret', Buffer.concat([enc, bytes(v.public)]), 32)
  const suite = Buffer.concat([Buffer.from('HPKE'), word(0x20), word(1), word(2)])
  const hashes = [extract(suite, empty, 'psk_id_hash', empty), extract(suite, empty, 'info_hash', bytes(v.info))]
  const context = Buffer.concat([Buffer.from([0]), ...hashes])
  const secret = extract(suite, shared, 'secret', empty)
  const key = expandLabel(suite, secret, 'key', context, 32)
  const nonce = expandLabel(suite, secret, 'base_nonce', context, 12)
  return { plaintext: gcm(key, nonce, box, empty) }
}

function chain (v) {
  const step = (link) => createHmac('sha512', link).update('egide chain v1').digest()
  let link = bytes(v.root)
  for (let i = 0; i < v.step; i++) link = step(link).subarray(0, 32)
  const sealed = bytes(v.sealed)
  return { plaintext: gcm(step(link).subarray(32), sealed.subarray(0, 12), sealed.subarray(12), bytes(v.aad)) }
}

// ---- proof files (docs/spec/evidence.md) ------------------------------------------------------------------------

const OBJECT_USAGE = '1.3.6.1.5.5.7.3.2'
const PLATFORM_USAGE = '2.25.118325992295416301245265278784948211323'

function certificate (der) {
  try { return new X509Certificate(der) } catch { return refuse('not a certificate') }
}

// The leaf of a chain of two under one of the roots, in force at `ms`, for one usage.
function chained (chain, roots, ms, usage) {
  const [leaf, issuing] = chain.map(certificate)
  must(chain.length === 2, 'not a leaf and an issuing CA')
  const root = roots.map(certificate).find((r) => issuing.checkIssued(r)) ?? refuse('an issuer that is not there')
  const path = [leaf, issuing, root]
  path.forEach((c, i) => {
    const issuer = path[Math.min(i + 1, 2)]
    must(c.checkIssued(issuer) && c.verify(issuer.publicKey), 'a signature that does not verify')
    must(c.ca === i > 0, 'a CA that is none, or a leaf that is one')
    const at = Math.floor(ms / 1000) * 1000
    must(at >= Date.parse(c.validFrom) && at <= Date.parse(c.validTo), 'not in force')
  })
  must(leaf.keyUsage?.length === 1 && leaf.keyUsage[0] === usage, 'another usage')
  return leaf
}

const listOf = (value, is, most) => Array.isArray(value) && value.length <= most && value.every((each) => is(each))
const isText = (value) => typeof value === 'string'

function readEvidence (data) {
  const outer = sign1(data, 262144, 17408)
  must(keysAre(outer.header, [1n, 3n, 33n]) && outer.unprotected.size === 0, 'another header')
  must(outer.header.get(3n) === 'application/vnd.egide.evidence+cbor' && isBytes(outer.payload), 'another type')
  const parts = decode(outer.payload, 262144)
  must(Array.isArray(parts) && parts.length === 10 && parts[0] === 1n, 'another version')
  const [, statement, chain, roots, log, note, consistency, witnesses, epochs, assertion] = parts
  for (const each of [outer.header.get(33n), chain, roots]) must(listOf(each, isBytes, 4) && each.length > 0, 'no chain')
  must(isBytes(statement) && isText(note) && listOf(consistency, isBytes, 128), 'another form')
  must(listOf(witnesses, isText, 16) && listOf(epochs, Array.isArray, 16), 'another form')
  must(Array.isArray(log) && log.length === 3 && isBytes(log[2], 32), 'not a log')
  must(keysAre(assertion, ['model', 'trust', 'correction', 'received', 'made', 'flags', 'doubts']), 'another assertion')
  return { outer, chain, roots, log, note, consistency, witnesses, epochs, assertion, ...transparent(statement, 70192) }
}

// A statement with its one receipt: what the log's leaf hashes, and the receipt.
function transparent (data, limit) {
  const s = sign1(data, limit)
  must(keysAre(s.unprotected, [394n]) && isBytes(s.payload), 'not one receipt')
  const receipts = s.unprotected.get(394n)
  must(Array.isArray(receipts) && receipts.length === 1 && isBytes(receipts[0]), 'not one receipt')
  const [head, body] = [Buffer.from([0xd2, 0x84]), Buffer.concat([bstr(s.protectedBytes), Buffer.from([0xa0])])]
  const entry = Buffer.concat([head, body, bstr(s.payload), bstr(s.signature)])
  return { s, entry, receipt: receipts[0] }
}

function logOf (e, anchors) {
  const [origin, uri, key] = e.log
  const lineage = []
  const all = []
  let reached = null
  for (const [genesisBytes, chain] of e.epochs) {
    const hex = chain.map((der) => der.toString('hex'))
    const said = genesis({ statement: genesisBytes.toString('hex'), chain: hex, root: e.roots[0].toString('hex') })
    if (reached) must(said.previous?.[0] === reached.origin && said.previous?.[1] === reached.uri, 'a gap in the epochs')
    if (said.previous) lineage.push(said.previous)
    all.push(said)
    reached = said
  }
  const last = reached && [reached.origin, reached.uri, reached.log_key]
  must(!last || (last[0] === origin && last[1] === uri && last[2] === key.toString('hex')), 'another log')
  if (!anchors) return all
  const pinned = anchors.logs.find((log) => log[1] === uri)
  if (pinned) must(pinned[0] === origin && pinned[2] === key.toString('hex'), 'another key or origin')
  else must(lineage.some((p) => anchors.logs.some((log) => log[0] === p[0] && log[1] === p[1])), 'an unknown log')
  return all
}

function witnessesOf (e, note, log, anchors) {
  const keys = e.witnesses.map(vkey)
  const lines = note.signatures.slice(1)
  must(lines.length === keys.length && new Set(keys.map((k) => k.name)).size === keys.length, 'lines without a witness')
  return keys.map((key, i) => {
    const { name, id, signature } = lines[i]
    must(name === key.name && id.equals(key.id) && key.kind === 4 && !same(raw(key.key), log[2]), 'not its line')
    const time = signature.readBigUInt64BE(0)
    const message = Buffer.from(`cosignature/v1\ntime ${time}\n${note.text}`)
    must(signature.length === 72 && verify(null, message, key.key, signature.subarray(8)), 'a bad cosignature')
    const pinned = anchors?.witnesses.find((text) => vkey(text).name === name)
    must(!pinned || pinned === e.witnesses[i], 'another key than the one that is trusted')
    return [name, Number(time)]
  })
}

const decimal = (value, exponent) => {
  if (exponent >= 0) return `${value}${exponent ? `E+${exponent}` : ''}`
  const digits = String(Math.abs(value)).padStart(1 - exponent, '0')
  return `${value < 0 ? '-' : ''}${digits.slice(0, exponent)}.${digits.slice(exponent)}`
}

function step (name, run) {
  try { return run() } catch (error) {
    if (error instanceof Refused) error.step = name
    throw error
  }
}

function evidence (v) {
  const [data, anchors] = [bytes(v.file), v.anchors]
  const e = step('1 form', () => readEvidence(data))
  const said = Object.fromEntries(e.assertion)
  const correction = Number(said.correction)
  const claims = e.s.header.get(15n)
  const leaf = step('2 object certificate', () => {
    const pin = (der) => sha256(certificate(der).publicKey.export({ type: 'spki', format: 'der' })).toString('hex')
    const pins = anchors?.roots.map((der) => pin(bytes(der)))
    for (const root of e.roots) must(!pins || pins.includes(pin(root)), 'a root that is not trusted')
    const found = chained(e.chain, e.roots, Number(claims.get(6n)) * 1000 + correction, OBJECT_USAGE)
    must(same(e.s.header.get(34n)[1], sha256(e.chain[0])), 'another certificate')
    must(found.subjectAltName === `URI:${claims.get(1n)}`, 'another object')
    return found
  })
  const key = leaf.publicKey.export({ type: 'spki', format: 'der' }).toString('hex')
  const envelopeSaid = step('3 object signature', () => envelope({ envelope: e.entry.toString('hex'), key }))
  step('4 log', () => logOf(e, anchors))
  const logKey = Buffer.concat([ED25519_SPKI, e.log[2]]).toString('hex')
  const receipt = step('5 receipt', () => verifyReceipt(e.receipt, leafHash(e.entry), { key: logKey, log: e.log[1] }))
  const [note, head] = step('6 checkpoint', () => {
    const note = readNote(Buffer.from(e.note))
    const head = readCheckpoint(note.text)
    const id = sha256(Buffer.from(`${e.log[0]}\n\x01`), e.log[2]).subarray(0, 4)
    verifyNote(note, head, { name: e.log[0], kind: 1, id, key: ed25519(e.log[2]) })
    must(note.signatures.filter((line) => line.name === e.log[0]).length === 1, 'more than one line')
    must(note.signatures[0].name === e.log[0] && note.text.split('\n').length === 4, 'another form')
    return [note, head]
  })
  step('7 consistency', () => checkConsistency(
    BigInt(receipt.size), Buffer.from(receipt.root, 'hex'), head.size, head.root, e.consistency
  ))
  const witnesses = step('8 witnesses', () => witnessesOf(e, note, e.log, anchors))
  const { t0_ms: t0, series } = envelopeSaid.readings
  step('9 assertion', () => {
    must(said.made >= said.received, 'made before it was received')
    for (const [i, j] of said.doubts) must(j >= -1n && j < (series[i]?.values.length ?? -1), 'a doubt on nothing')
  })
  step('10 platform signature', () => {
    const platform = chained(e.outer.header.get(33n), e.roots, Number(said.made), PLATFORM_USAGE)
    const { header, signature, protectedBytes, payload } = e.outer
    verifyCose(header.get(1n), platform.publicKey, signature, structure(protectedBytes, payload))
  })
  const doubts = new Map(said.doubts.map(([i, j, code]) => [`${i} ${j}`, code]))
  return {
    object: claims.get(1n), pairing: claims.get(2n), model: said.model, trust: Number(said.trust),
    flags: said.flags, received_ms: Number(said.received),
    corrected_ms: series.flatMap((s) => s.offsets_ms.map((offset) => t0 + offset + correction)),
    values: series.flatMap((s) => s.values.map((value) => decimal(value, s.exponent))),
    doubts: series.flatMap((s, i) => s.values.map((_, j) => doubts.get(`${i} ${j}`) ?? doubts.get(`${i} -1`) ?? '')),
    log: e.log[1], size: receipt.size, index: receipt.index, checkpoint: Number(head.size), witnesses,
    anchored: Boolean(anchors),
  }
}

// ---- consents, signed with a passkey (docs/spec/consent.md) -----------------------------------------------------

// JSON, and no object with a name twice; JSON.parse would take the last one.
function json (text) {
  let at = 0
  const space = () => { while (/[ \t\n\r]/.test(text[at] ?? '')) at += 1 }
  const take = (pattern) => {
    pattern.lastIndex = at
    const found = pattern.exec(text) ?? refuse('not JSON')
    at = pattern.lastIndex
    return JSON.parse(found[0])
  }
  const string = () => take(/"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y)
  const until = (close, each) => {
    at += 1
    for (space(); text[at] !== close; space()) {
      each()
      space()
      if (text[at] === ',') { at += 1; space(); must(text[at] !== close, 'not JSON') } else must(text[at] === close, 'not JSON')
    }
    at += 1
  }
  const value = () => {
    space()
    if (text[at] === '"') return string()
    if (text[at] === '[') {
      const list = []
      until(']', () => list.push(value()))
      return list
    }
    if (text[at] !== '{') return take(/true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y)
    const map = new Map()
    until('}', () => {
      const name = string()
      must(!map.has(name), 'a name twice')
      space()
      must(text[at] === ':', 'not JSON')
      at += 1
      map.set(name, value())
    })
    return map
  }
  const found = value()
  space()
  must(at === text.length, 'something after JSON')
  return found
}

const HOST = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*'
const PLACE = new RegExp(`^(https|http)://(${HOST})(?::([1-9][0-9]{0,4}))?$`)
const PLAIN = /^[^\p{C}\p{Z}]$/u
const prints = (text) => isText(text) && text.length > 0 && [...text].every((c) => ' \u00a0\u202f'.includes(c) || PLAIN.test(c))
const isMs = (value) => isUint(value, 1n << 45n)
const isMsOrNull = (value) => value === null || isMs(value)
const isPerson = (value) => Array.isArray(value) && value.length === 2 && uuid(value[0]) && prints(value[1])

function readConsent (data) {
  const parts = decode(data, 9000)
  must(Array.isArray(parts) && parts.length === 16 && parts[0] === 1n, 'not a consent')
  const [, act, grant, patient, signer, kind, reader, families, period, purpose, until, previous, nonce, at, shown, place] = parts
  must(['grant', 'research', 'withdrawal'].includes(act) && uuid(grant), 'another act')
  must(isPerson(patient) && isPerson(signer), 'not people')
  const program = /^app:[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
  must(kind === 'app' ? program.test(reader[0]) && prints(reader[1]) : isPerson(reader), 'not a reader')
  must(['person', 'team', 'establishment', 'app'].includes(kind), 'not a kind of reader')
  must(listOf(families, (f) => /^[a-z][a-z0-9-]{0,31}$/.test(f), 32) && families.length > 0, 'not families')
  must(families.every((f, i) => i === 0 || families[i - 1] < f), 'families out of order')
  must(listOf(period, isMsOrNull, 2) && period.length === 2, 'not a period')
  must(period.includes(null) || period[0] < period[1], 'a period that ends before it begins')
  must(/^[A-Z][A-Z0-9]{1,15}$/.test(purpose) && isMsOrNull(until) && isMs(at), 'another purpose or time')
  must(until === null ? act !== 'research' : act !== 'withdrawal' && until > at, 'an end that cannot be')
  must((previous === null || isBytes(previous, 32)) && isBytes(nonce, 16), 'another hash or nonce')
  must(listOf(shown, isText, 3) && shown[0].split('\n').every((line) => line === '' || prints(line)), 'another text')
  must(listOf(place, isText, 2) && place.length === 2, 'not a place')
  const [, scheme, host, port] = PLACE.exec(place[1]) ?? refuse('not an origin')
  must(scheme === 'https' || host === 'localhost', 'not https')
  must(port !== (scheme === 'https' ? '443' : '80') && (host === place[0] || host.endsWith('.' + place[0])), 'another host')
  return { act, grant, patient, signer, reader, families, purpose, until, at, shown, rp: place[0], origin: place[1] }
}

// A key as an authenticator writes it: ES256 or EdDSA, nothing else.
function passkey (cose) {
  const key = decode(cose, 256)
  must(key instanceof Map, 'not a key')
  const at = (n) => key.get(BigInt(n))
  const b64 = (data) => data.toString('base64url')
  try {
    if (keysAre(key, [1n, 3n, -1n, -2n, -3n]) && at(1) === 2n && at(3) === -7n && at(-1) === 1n && at(-2).length + at(-3).length === 64) {
      return createPublicKey({ key: { kty: 'EC', crv: 'P-256', x: b64(at(-2)), y: b64(at(-3)) }, format: 'jwk' })
    }
    if (keysAre(key, [1n, 3n, -1n, -2n]) && at(1) === 1n && at(3) === -8n && at(-1) === 6n && isBytes(at(-2), 32)) {
      return ed25519(at(-2))
    }
  } catch { refuse('a point off the curve') }
  return refuse('another algorithm')
}

function verifyPasskey (key, signature, message) {
  if (key.asymmetricKeyType === 'ed25519') {
    must(signature.length === 64 && verify(null, message, key, signature), 'the signature does not verify')
    return
  }
  must(signature.length > 8 && signature[0] === 0x30, 'not DER')
  const outer = element(signature, 0)
  must(outer.next === signature.length, 'something after DER')
  const [r, s, ...more] = elements(outer.content)
  must(more.length === 0 && r?.tag === 2 && s?.tag === 2, 'not two numbers')
  for (const { content } of [r, s]) {
    must(content.length > 0 && content[0] < 0x80, 'a negative number')
    must(content[0] !== 0 || content[1] >= 0x80, 'a number with a zero before it')
  }
  const big = ({ content }) => BigInt('0x' + content.toString('hex'))
  must(big(r) < ORDER && big(s) <= ORDER / 2n, 'not a low S')
  must(verify('sha256', message, { key, dsaEncoding: 'der' }, signature), 'the signature does not verify')
}

// What the passkey signed: the challenge, here, its holder recognised. Returns [counter, synced].
function verifyAnswer ([authenticator, client, signature], key, challenge, said) {
  must(authenticator.length <= 512 && client.length <= 2048 && signature.length <= 80, 'too large')
  let text
  try { text = utf8.decode(client) } catch { refuse('not UTF-8') }
  const data = json(text)
  must(data instanceof Map && data.get('type') === 'webauthn.get', 'not a signature')
  must(data.get('challenge') === challenge.toString('base64url') && data.get('origin') === said.origin, 'another challenge or origin')
  must(!data.has('crossOrigin') || data.get('crossOrigin') === false, 'a page within another')
  const binding = data.get('tokenBinding')
  must(!data.has('topOrigin') && (!data.has('tokenBinding') || ['supported', 'not-supported'].includes(binding?.get('status'))), 'bound')
  const flags = authenticator[32]
  must(authenticator.length >= 37 && !(flags & 0x40), 'not of a signature')
  if (flags & 0x80) must(decode(authenticator.subarray(37), 512) instanceof Map, 'no extensions')
  else must(authenticator.length === 37, 'too long')
  must(same(authenticator.subarray(0, 32), sha256(Buffer.from(said.rp))), 'another relying party')
  must((flags & 5) === 5 && (flags & 0x18) !== 0x10, 'nobody there, or not recognised')
  verifyPasskey(key, signature, Buffer.concat([authenticator, sha256(client)]))
  return [authenticator.readUInt32BE(33), (flags & 8) !== 0]
}

function platformStatement (entry, roots) {
  const { s, entry: body, receipt } = transparent(entry[0], 16384 + 8192)
  must(body.length <= 16384 && keysAre(s.header, [1n, 3n, 15n, 34n]), 'another header')
  must(s.header.get(3n) === 'application/vnd.egide.journal+cbor', 'another content type')
  const [claims, x5t] = [s.header.get(15n), s.header.get(34n)]
  must(keysAre(claims, [1n, 2n, 6n, 7n]) && same(x5t?.[1], sha256(entry[1][0])), 'another certificate')
  const payload = decode(s.payload, 16384)
  must(Array.isArray(payload) && payload.length === 4 && payload[2] instanceof Map, 'another payload')
  const [kind, at, facts, sealed] = payload
  must(isText(kind) && isMs(at) && (sealed === null || isBytes(sealed)), 'another payload')
  const platform = chained(entry[1], roots, Number(at), PLATFORM_USAGE)
  must(platform.subjectAltName === `URI:${claims.get(1n)}`, 'another platform')
  verifyCose(s.header.get(1n), platform.publicKey, s.signature, structure(s.protectedBytes, s.payload))
  return { kind, at, facts, subject: `urn:uuid:${uuid(claims.get(2n))}`, body, receipt }
}

function readProof (data) {
  const outer = sign1(data, 262144, 17408)
  must(keysAre(outer.header, [1n, 3n, 33n]) && outer.unprotected.size === 0, 'another header')
  must(outer.header.get(3n) === 'application/vnd.egide.consent+cbor' && isBytes(outer.payload), 'another type')
  const parts = decode(outer.payload, 262144)
  must(Array.isArray(parts) && parts.length === 11 && parts[0] === 1n, 'another version')
  const [, signedBytes, entry, credential, retirement, roots, log, note, witnesses, epochs, made] = parts
  const isChain = (value) => listOf(value, isBytes, 4) && value.length > 0
  const isEntry = (value) => Array.isArray(value) && value.length === 2 && isBytes(value[0]) && isChain(value[1])
  must(isChain(outer.header.get(33n)) && isChain(roots), 'no chain')
  must(isEntry(entry) && isEntry(credential) && (retirement === null || isEntry(retirement)), 'no entries')
  must(Array.isArray(log) && log.length === 3 && isBytes(log[2], 32) && isText(note) && isMs(made), 'another form')
  must(listOf(witnesses, isText, 16) && listOf(epochs, isEntry, 16), 'another form')
  const signed = decode(isBytes(signedBytes) ? signedBytes : refuse('nothing signed'), 12288)
  must(Array.isArray(signed) && signed.length === 2 && isBytes(signed[0]), 'nothing signed')
  must(listOf(signed[1], isBytes, 3) && signed[1].length === 3, 'nothing signed')
  return { outer, signedBytes, signed, entry, credential, retirement, roots, log, note, witnesses, epochs, made }
}

// [number of the log, leaf index] of a statement; the last log is the checkpoint's.
function placeOf (statement, logs, head) {
  const uri = sign1(statement.receipt, 8192).header.get(15n)?.get(2n)
  const number = logs.findIndex((log) => log.uri === uri)
  must(number >= 0, 'a log that nothing leads to')
  const { key, size } = logs[number]
  const found = verifyReceipt(statement.receipt, leafHash(statement.body), { key, log: uri })
  const last = number === logs.length - 1
  must(!last || (found.size === Number(head.size) && found.root === head.root.toString('hex')), 'another tree')
  must(last || found.index < size, 'beyond what the next log followed')
  return [number, found.index]
}

function consent (v) {
  const [data, anchors] = [bytes(v.file), v.anchors]
  const e = step('1 form', () => readProof(data))
  const logKey = (raw) => Buffer.concat([ED25519_SPKI, raw]).toString('hex')
  const { enrolled, retired, key } = step('2 enrolment', () => {
    const pin = (der) => sha256(certificate(der).publicKey.export({ type: 'spki', format: 'der' })).toString('hex')
    const pins = anchors?.roots.map((der) => pin(bytes(der)))
    for (const root of e.roots) {
      const x509 = certificate(root)
      must(x509.verify(x509.publicKey) && (!pins || pins.includes(pin(root))), 'a root that is not trusted')
    }
    const enrolled = platformStatement(e.credential, e.roots)
    const facts = enrolled.facts
    must(enrolled.kind === 'credential' && isBytes(facts.get('id'), 32) && isText(facts.get('rp')), 'not an enrolment')
    must(isUint(facts.get('count'), (1n << 32n) - 1n) && isBytes(facts.get('key')), 'not an enrolment')
    const retired = e.retirement && platformStatement(e.retirement, e.roots)
    if (retired) {
      must(retired.kind === 'credential-end' && retired.subject === enrolled.subject, "another's retirement")
      must(same(retired.facts.get('id'), facts.get('id')), "another passkey's retirement")
    }
    return { enrolled, retired, key: passkey(facts.get('key')) }
  })
  const { said, challenge, counter, synced } = step('3 passkey signature', () => {
    const said = readConsent(e.signed[0])
    must(said.signer[0] === enrolled.subject && said.rp === enrolled.facts.get('rp'), "another's passkey")
    const challenge = sha256(Buffer.from('egide consent v1\0'), e.signed[0])
    const [counter, synced] = verifyAnswer(e.signed[1], key, challenge, said)
    return { said, challenge, counter, synced }
  })
  const entered = step('4 entry', () => {
    const entered = platformStatement(e.entry, e.roots)
    must(entered.kind === (said.act === 'withdrawal' ? 'grant-end' : said.act) && entered.subject === said.patient[0], 'another entry')
    must(same(entered.facts.get('consent'), sha256(e.signedBytes)), 'another consent')
    must(entered.at >= said.at && entered.at - said.at <= 600000n, 'entered at another time')
    return entered
  })
  const epochs = step('5 log', () => {
    const found = logOf(e, anchors)
    for (const { origin, uri, log_key: raw } of anchors ? found : []) {
      const pinned = anchors.logs.find((log) => log[1] === uri)
      must(!pinned || (pinned[0] === origin && pinned[2] === raw), 'an old log with another key')
    }
    return found
  })
  const [note, head] = step('6 checkpoint', () => {
    const note = readNote(Buffer.from(e.note))
    const head = readCheckpoint(note.text)
    const id = sha256(Buffer.from(`${e.log[0]}\n\x01`), e.log[2]).subarray(0, 4)
    verifyNote(note, head, { name: e.log[0], kind: 1, id, key: ed25519(e.log[2]) })
    must(note.signatures.filter((line) => line.name === e.log[0]).length === 1, 'more than one line')
    must(note.signatures[0].name === e.log[0] && note.text.split('\n').length === 4, 'another form')
    return [note, head]
  })
  const [first, second, third] = step('7 receipts', () => {
    const before = epochs.slice(0, -1).map((log, i) => (
      { uri: log.uri, key: logKey(bytes(log.log_key)), size: epochs[i + 1].previous[2] }
    ))
    const logs = [...before, { uri: e.log[1], key: logKey(e.log[2]) }]
    return [enrolled, entered, retired].map((statement) => statement && placeOf(statement, logs, head))
  })
  step('8 order', () => {
    const under = (a, b) => a[0] < b[0] || (a[0] === b[0] && a[1] < b[1])
    must(second[0] === Math.max(epochs.length - 1, 0) && under(first, second) && (!third || under(second, third)), 'another order')
  })
  const witnesses = step('9 witnesses', () => witnessesOf(e, note, e.log, anchors))
  step('10 platform signature', () => {
    const platform = chained(e.outer.header.get(33n), e.roots, Number(e.made), PLATFORM_USAGE)
    const { header, signature, protectedBytes, payload } = e.outer
    verifyCose(header.get(1n), platform.publicKey, signature, structure(protectedBytes, payload))
    must([enrolled, entered, retired].every((s) => !s || s.at <= e.made), 'made before what it tells')
  })
  const known = Number(enrolled.facts.get('count'))
  const warnings = [...((known || counter) && counter <= known ? ['counter'] : []), ...(synced ? ['synced'] : [])]
  return {
    act: said.act, grant: said.grant, patient: said.patient[0], signer: said.signer[0], reader: said.reader[0],
    families: said.families, purpose: said.purpose, until_ms: said.until && Number(said.until), at_ms: Number(said.at),
    text: said.shown[0], origin: said.origin, challenge: challenge.toString('hex'), entered_ms: Number(entered.at),
    enrolled_ms: Number(enrolled.at), retired_ms: retired && Number(retired.at), log: e.log[1], size: Number(head.size),
    index: second[1], warnings, witnesses, anchored: Boolean(anchors),
  }
}

// ---- the run ----------------------------------------------------------------------------------------------------

const hashes = (path) => path.map(bytes)
// ---- enrolment: claims, certificates, signed time ---------------------------------------------------------------

const TICKET = new RegExp('^egide:enrol\\?u=(https://(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\\[[0-9a-f:.]+\\])(?::([1-9][0-9]{0,4}))?)' +
  '&ca=([A-Za-z0-9_-]{43})&c=([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})&k=([a-z2-7]{32})$')

function claim (v) {
  const found = TICKET.exec(v.text) ?? refuse('not a claim')
  const [, url, port, pin, id, code] = found
  must(Number(port ?? 1) < 65536, 'no such port')
  const digest = Buffer.from(pin, 'base64url')
  must(digest.toString('base64url') === pin, 'a pin in another form')
  let bits = 0n
  for (const letter of code) bits = bits << 5n | BigInt('abcdefghijklmnopqrstuvwxyz234567'.indexOf(letter))
  return { url, pin: digest.toString('hex'), claim: id, code: bits.toString(16).padStart(40, '0') }
}

// One DER element: its tag, its content, and where the next one starts.
function element (data, at) {
  const [tag, first] = [data[at], data[at + 1]]
  const size = first < 0x80 ? 0 : first & 0x7f
  must(size <= 2, 'a length of another form')
  const length = size === 0 ? first : data.readUIntBE(at + 2, size)
  must(size === 0 || length >= (size === 1 ? 0x80 : 0x100), 'not the shortest length')
  const start = at + 2 + size
  must(start + length <= data.length, 'truncated')
  return { tag, content: data.subarray(start, start + length), whole: data.subarray(at, start + length), next: start + length }
}

function elements (data) {
  const found = []
  for (let at = 0; at < data.length; at = found.at(-1).next) found.push(element(data, at))
  return found
}

const OID = { bc: '551d13', ku: '551d0f', eku: '551d25', san: '551d11', ski: '551d0e', aki: '551d23' }
const CLIENT_AUTH = '300a06082b06010505070302'
const PLATFORM_AUTH = '301606146981b284e0f5c9b1daa8999acececbb2e0f49c7b'

// What a certificate holds, when it has exactly the extensions of its profile; keys are read by node.
function profiled (der, oids) {
  const outer = element(der, 0)
  must(outer.next === der.length, 'bytes after a certificate')
  const [tbs, algorithm, signature] = elements(outer.content)
  must(algorithm.whole.toString('hex') === '300a06082a8648ce3d040302', 'not ecdsa-with-SHA256')
  must(signature.tag === 3 && signature.content[0] === 0, 'unused bits in a signature')
  const parts = elements(tbs.content)
  must(parts.length === 8 && parts[0].whole.toString('hex') === 'a003020102' && parts[7].tag === 0xa3, 'not X.509 v3')
  const extensions = new Map(elements(element(parts[7].content, 0).content).map((extension) => {
    const fields = elements(extension.content)
    const critical = fields.length === 3
    must(!critical || fields[1].whole.toString('hex') === '0101ff', 'a criticality of another form')
    return [fields[0].content.toString('hex'), { critical, value: fields.at(-1).content }]
  }))
  must(extensions.size === oids.length && oids.every((oid) => extensions.has(oid)), 'other extensions')
  for (const [oid, { critical }] of extensions) {
    must(critical === (oid === OID.bc || oid === OID.ku), 'another criticality')
  }
  const x509 = certificate(der)
  const key = sha256(x509.publicKey.export({ type: 'spki', format: 'der' })).subarray(0, 20)
  const value = (oid) => extensions.get(oid).value.toString('hex')
  must(value(OID.ski) === `0414${key.toString('hex')}`, 'another key identifier')
  return { x509, key, value, issuer: parts[3].whole, subject: parts[5].whole, tbs: tbs.whole, signature: signature.content.subarray(1) }
}

// Check leaf, issuing CA and root, at a time; `usage` is the DER of the extended key usage, in hexadecimal.
function identity (leafDer, issuingDer, rootDer, at, usage) {
  const CA = [OID.bc, OID.ku, OID.ski, OID.aki]
  const leaf = profiled(leafDer, [...CA, OID.eku, OID.san])
  const issuing = profiled(issuingDer, CA)
  const root = profiled(rootDer, CA)
  must(leaf.value(OID.bc) === '3000' && leaf.value(OID.ku) === '03020780', 'not a leaf')
  must(issuing.value(OID.bc) === '30060101ff020100' && root.value(OID.bc) === '30060101ff020101', 'another depth')
  must([issuing, root].every((ca) => ca.value(OID.ku) === '03020106'), 'not a CA')
  must(leaf.value(OID.eku) === usage, 'another usage')
  for (const [child, parent] of [[leaf, issuing], [issuing, root]]) {
    must(same(child.issuer, parent.subject), 'another issuer')
    must(child.value(OID.aki) === `30168014${parent.key.toString('hex')}`, "another issuer's key")
    must(verify('sha256', child.tbs, parent.x509.publicKey, child.signature), 'a signature that does not verify')
  }
  for (const { x509 } of [leaf, issuing, root]) {
    const [from, to] = [Date.parse(x509.validFrom), Date.parse(x509.validTo)]
    must(Math.floor(at / 1000) * 1000 >= from && Math.floor(at / 1000) * 1000 <= to, 'not in force')
  }
  const uri = /^URI:(urn:uuid:[0-9a-f-]{36})$/.exec(leaf.x509.subjectAltName ?? '')?.[1] ?? refuse('no name')
  must(leaf.x509.subject === `CN=${uuid(uri)}`, 'another subject')
  return { uri, x509: leaf.x509 }
}

function objectIdentity (v) {
  const leaf = bytes(v.leaf)
  const { uri, x509 } = identity(leaf, bytes(v.chain[0]), bytes(v.root), v.at_ms, CLIENT_AUTH)
  return { uri, sha256: sha256(leaf).toString('hex'), not_after_ms: Date.parse(x509.validTo) }
}

function serverTime (v) {
  const s = sign1(bytes(v.answer), 18432, 17408)
  must(s.unprotected.size === 0 && isBytes(s.payload) && keysAre(s.header, [1n, 3n, 33n]), 'another header')
  must(s.header.get(3n) === 'application/vnd.egide.time+cbor', 'another content type')
  const [leaf, issuing] = s.header.get(33n)
  const [nonce, at] = decode(s.payload, 256)
  const { uri, x509 } = identity(leaf, issuing, bytes(v.root), Number(at), PLATFORM_AUTH)
  verifyCose(s.header.get(1n), x509.publicKey, s.signature, structure(s.protectedBytes, s.payload))
  must(same(nonce, bytes(v.nonce)), 'another nonce')
  return { unix_ms: Number(at), platform: uri }
}

const checks = {
  answer,
  chain,
  checkpoint,
  claim,
  consistency: (v) => {
    checkConsistency(BigInt(v.first), bytes(v.first_root), BigInt(v.second), bytes(v.second_root), hashes(v.path))
    return {}
  },
  consent,
  'consistency-receipt': consistencyReceipt,
  envelope,
  evidence,
  genesis,
  hpke,
  identity: objectIdentity,
  inclusion: (v) => {
    const root = rootFromInclusion(bytes(v.leaf), BigInt(v.index), BigInt(v.size), hashes(v.path))
    return { root: root.toString('hex') }
  },
  readings: (v) => ({ readings: readings(bytes(v.payload)) }),
  receipt: (v) => verifyReceipt(bytes(v.receipt), bytes(v.leaf), v),
  root: (v) => ({ root: rootOf(v.size).toString('hex') }),
  'server-time': serverTime,
  tile,
  'tile-path': (v) => ({ path: tilePath(v.level, v.n, v.width) }),
  witness,
}

function problem (v) {
  let found
  try {
    found = checks[v.kind](v)
  } catch (error) {
    if (!(error instanceof Refused)) return `failed: ${error.stack}`
    if (v.expect === 'ok') return `should hold, and was refused: ${error.message}`
    return v.step === error.step ? null : `should fail at step ${v.step}, not ${error.step}: ${error.message}`
  }
  if (v.expect !== 'ok' && v.kind !== 'witness') return `should be refused (${v.expect}), and was accepted`
  for (const [name, value] of Object.entries(found)) {
    if (JSON.stringify(value) !== JSON.stringify(v[name])) return `${name} is ${JSON.stringify(value)}`
  }
  return null
}

const index = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8'))
let [count, failed] = [0, 0]
for (const [file, entry] of Object.entries(index.files)) {
  const text = readFileSync(join(folder, file))
  const { vectors } = JSON.parse(text)
  if (sha256(text).toString('hex') !== entry.sha256 || vectors.length !== entry.vectors) {
    console.log(`${file}: not the file that the index names`)
    failed += 1
  }
  for (const v of vectors) {
    count += 1
    const why = problem(v)
    if (why !== null) {
      console.log(`${file}: ${v.name}: ${why}`)
      failed += 1
    }
  }
}
console.log(`${count} vectors, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
