// The role init's protection against deaths, for the shim.
#ifndef SOLOCLOUD_SURVIVE_H_
#define SOLOCLOUD_SURVIVE_H_

#include "life.h"

// From here on deaths of this process are the loader's. `face` NULL: it is no PID 1.
void survive(const struct loader_face* face);

// For the addon, by dlsym; NULL without a life record.
const struct loader_face* solocloud_loader_face(void);

#endif  // SOLOCLOUD_SURVIVE_H_
