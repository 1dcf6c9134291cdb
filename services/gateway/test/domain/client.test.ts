import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clientOf, isLoopback } from '../../src/domain/client.ts'

test('a client is an IPv4 address, or a network of 64 bits, however it is written', () => {
  assert.equal(clientOf('192.0.2.1'), '192.0.2.1')
  assert.equal(clientOf('::ffff:192.0.2.1'), '192.0.2.1')
  const network = '2001:db8:0:1::/64'
  for (const address of ['2001:db8:0:1::5', '2001:DB8:0:1:a:b:c:d', '2001:0db8:0000:0001::', '2001:db8:0:1::1%eth0']) {
    assert.equal(clientOf(address), network, address)
  }
  assert.notEqual(clientOf('2001:db8:0:2::5'), network)
  assert.equal(clientOf('::1'), '0:0:0:0::/64')
  assert.equal(clientOf(''), '')
})

test('loopback is this machine and nothing that looks like it', () => {
  for (const address of ['127.0.0.1', '127.8.9.1', '::1', '::ffff:127.0.0.1']) assert.ok(isLoopback(address), address)
  for (const address of ['', '10.0.0.1', '1.127.0.0.1', '127.0.0.1.example.org', '::ffff:10.0.0.1', '::']) {
    assert.ok(!isLoopback(address), address)
  }
})
