// Where an installation keeps what it knows, shared by `install` and PID 1.

export const STATE_DIRECTORY = '/var/lib/solocloud'
/** The record, and the bytes of what changes, each named by its sha256. */
export const INSTALLATION_DIRECTORY = `${STATE_DIRECTORY}/installation`
export const RECORD = 'record.json'
/** The file itself, on a machine that also has an init of its own. */
export const NODE_FILE = '/sbin/solocloud'
