# iniparser: Debian 12 (4.1) ships neither a .pc nor a CMake file, and the header's folder differs between releases.
# Defines iniparser::iniparser.
find_path(INIPARSER_INCLUDE_DIR iniparser.h PATH_SUFFIXES iniparser)
find_library(INIPARSER_LIBRARY iniparser)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(iniparser REQUIRED_VARS INIPARSER_LIBRARY INIPARSER_INCLUDE_DIR)
if(iniparser_FOUND AND NOT TARGET iniparser::iniparser)
  add_library(iniparser::iniparser UNKNOWN IMPORTED)
  set_target_properties(iniparser::iniparser PROPERTIES
    IMPORTED_LOCATION ${INIPARSER_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${INIPARSER_INCLUDE_DIR})
endif()
mark_as_advanced(INIPARSER_INCLUDE_DIR INIPARSER_LIBRARY)
