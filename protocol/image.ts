// image.json, as the node and the client understand it.

/** The OCI image config's own field names (image-spec, config.md); capitals are theirs. */
export interface ImageConfig {
  Entrypoint: readonly string[]
  Cmd: readonly string[]
  Env: readonly string[]
  WorkingDir: string
  User: string
  /** 'SIGTERM' and the like. */
  StopSignal: string
}

/** A checked manifest with every default filled in. */
export interface Manifest {
  name: string | null
  version: string | null
  /** Go's names. */
  architecture: 'amd64' | 'arm64'
  isolation: 'namespaces' | 'chroot' | null
  /** The app finds the node's management socket in /run/solocloud: who gets into it may manage the node. */
  management: boolean
  config: ImageConfig
}
