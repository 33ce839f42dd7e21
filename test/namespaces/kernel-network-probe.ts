// Prints what the installer finds of a network by netlink alone; run by kernel-network.test.ts in a namespace.
import process from 'node:process'
import { readKernelNetwork } from '../../install/look/network/kernel-network.ts'
import { lookNetwork } from '../../install/look/network/look-network.ts'
import { loadNative } from '../../sys/load.ts'

const nothing = { read: () => null, list: () => [] }
const found = lookNetwork(nothing, readKernelNetwork(loadNative()))
process.stdout.write(JSON.stringify(found))
