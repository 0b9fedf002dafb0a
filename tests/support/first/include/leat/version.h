/* The version of leat. This file is the one place where it stands: the build, the man pages and the tools read it here. */
#ifndef LEAT_VERSION_H
#define LEAT_VERSION_H

#define LEAT_VERSION_MAJOR 0
#define LEAT_VERSION_MINOR 1
#define LEAT_VERSION_PATCH 0

#define LEAT_STRINGIFY_(x) #x
#define LEAT_STRINGIFY(x) LEAT_STRINGIFY_(x)
#define LEAT_VERSION                   \
    LEAT_STRINGIFY(LEAT_VERSION_MAJOR) \
    "." LEAT_STRINGIFY(LEAT_VERSION_MINOR) "." LEAT_STRINGIFY(LEAT_VERSION_PATCH)

#endif
