import { expect, test } from 'vitest'
import type { PlannedAddress, PlannedRoute } from '../../protocol/network-plan.ts'
import { fixedRoutes } from './fixed-config.ts'

function cidr(text: string): PlannedAddress {
  const [address = '', prefix] = text.split('/')
  return { address, prefix: Number(prefix) }
}
/** `10.0.0.0/8 192.0.2.1 metric`; `-` for none. */
function route(text: string): PlannedRoute {
  const [destination = '', gateway = '-', metric = '-'] = text.split(' ')
  return {
    destination: cidr(destination),
    gateway: gateway === '-' ? null : gateway,
    metric: metric === '-' ? null : Number(metric),
  }
}
const routes = (addresses: string[], wanted: string[]): string[] =>
  fixedRoutes(2, { addresses: addresses.map(cidr), routes: wanted.map(route) }).map((one) =>
    [
      `${one.destination.address}/${one.destination.prefix} by ${one.gateway ?? 'link'}`,
      `${one.onLink ? 'onlink ' : ''}from ${one.source ?? 'any'} at ${one.priority}`,
    ].join(' '),
  )

test('a gateway outside the network counts as on the link; the source is the address', () => {
  expect(routes(['192.0.2.5/32'], ['0.0.0.0/0 198.51.100.1'])).toEqual([
    '0.0.0.0/0 by 198.51.100.1 onlink from 192.0.2.5 at 102',
  ])
})

test('routes on the link come first; a network is written without what is behind its prefix', () => {
  expect(
    routes(['192.0.2.5/24'], ['0.0.0.0/0 198.51.100.1', '198.51.100.1/24 -', '10.0.0.1/8 - 7']),
  ).toEqual([
    '198.51.100.0/24 by link from 192.0.2.5 at 102',
    '10.0.0.0/8 by link from 192.0.2.5 at 7',
    '0.0.0.0/0 by 198.51.100.1 onlink from 192.0.2.5 at 102',
  ])
})

test('the source is the address in the gateway’s network, and one that a machine can have', () => {
  const addresses = ['127.0.0.2/32', '192.0.2.5/24', '10.0.0.5/8', '2001:db8::5/64']
  expect(
    routes(addresses, ['0.0.0.0/0 192.0.2.1', '172.16.0.0/12 10.0.0.1', '172.0.0.0/12 -']),
  ).toEqual([
    '172.0.0.0/12 by link from 192.0.2.5 at 102',
    '0.0.0.0/0 by 192.0.2.1 onlink from 192.0.2.5 at 102',
    '172.16.0.0/12 by 10.0.0.1 onlink from 10.0.0.5 at 102',
  ])
  expect(routes([], ['10.0.0.0/8 192.0.2.1'])).toEqual([
    '10.0.0.0/8 by 192.0.2.1 onlink from any at 102',
  ])
})

test('IPv6: a gateway that nothing else reaches gets a route of its own, once', () => {
  expect(
    routes(
      ['2001:db8::5/128'],
      ['::/0 2001:db8:77::1', '2001:db8:9::/48 2001:db8:77::1', '2001:db8:8::/48 fe80::1'],
    ),
  ).toEqual([
    '2001:db8:77::1/128 by link from any at 102',
    '::/0 by 2001:db8:77::1 from any at 102',
    '2001:db8:9::/48 by 2001:db8:77::1 from any at 102',
    '2001:db8:8::/48 by fe80::1 from any at 102',
  ])
  expect(routes(['2001:db8::5/64'], ['::/0 2001:db8::1 5'])).toEqual([
    '::/0 by 2001:db8::1 from any at 5',
  ])
  expect(routes(['2001:db8::5/128'], ['2001:db8:77::/64 -', '::/0 2001:db8:77::1'])).toHaveLength(2)
})

test('venet: everything is on the link; IPv4 by an IPv6 gateway', () => {
  expect(routes(['192.0.2.5/32', '192.0.2.6/32'], ['0.0.0.0/0 -', '::/0 -'])).toEqual([
    '0.0.0.0/0 by link from 192.0.2.5 at 102',
    '::/0 by link from any at 102',
  ])
  expect(routes(['192.0.2.5/32'], ['0.0.0.0/0 fe80::1'])).toEqual([
    '0.0.0.0/0 by fe80::1 from 192.0.2.5 at 102',
  ])
})
