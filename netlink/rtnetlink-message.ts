// The numbers of rtnetlink(7) that links, addresses and routes share.

/** RTM_* of <linux/rtnetlink.h>. */
export const RouteMessage = {
  newLink: 16,
  deleteLink: 17,
  getLink: 18,
  setLink: 19,
  newAddress: 20,
  deleteAddress: 21,
  getAddress: 22,
  newRoute: 24,
  deleteRoute: 25,
  getRoute: 26,
  newNdUserOption: 68,
} as const
/** RTNLGRP_* of <linux/rtnetlink.h>. */
export const RouteGroup = { link: 1, ndUserOption: 20 } as const
/** AF_* of <sys/socket.h>. */
export const Family = { inet: 2, inet6: 10 } as const
/** RT_SCOPE_* of <linux/rtnetlink.h>. */
export const Scope = { universe: 0, link: 253 } as const
