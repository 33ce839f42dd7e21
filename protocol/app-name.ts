// What an app may be called: it is a directory below /chroots, a host name and a URL segment.

const APP_NAME = /^[a-z0-9][a-z0-9-]{0,62}$/

export const APP_NAME_RULE =
  'a name is 1 to 63 characters of a-z, 0-9 and "-", and does not begin with "-"'

export function isAppName(word: string): boolean {
  return APP_NAME.test(word)
}
