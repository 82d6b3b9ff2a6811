# Flags of everything that we compile. Libraries come in as system headers and are not judged by them.

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror)
add_compile_options(-fstack-protector-strong -ffunction-sections -fdata-sections)
add_link_options(-Wl,-z,relro -Wl,-z,now -Wl,--gc-sections)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
  add_compile_options(-fcf-protection)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")

# The one toggle: a comma-separated list for -fsanitize, as the presets asan and tsan set it.
set(MAYFLY_SANITIZE "" CACHE STRING "sanitizers to build with, such as address,undefined")
if(MAYFLY_SANITIZE)
  add_compile_options(-fsanitize=${MAYFLY_SANITIZE} -fno-omit-frame-pointer)
  add_compile_options(-fno-sanitize-recover=all)
  # These four leave a record at each use of a pointer: two thirds of the size of all objects, a third
  # of the time. A null pointer ends the program under the address sanitizer anyway.
  if(MAYFLY_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize=null,alignment,object-size,vptr)
  endif()
  # GCC's instrumentation makes it report values inside libstdc++'s own headers.
  add_compile_options($<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  add_link_options(-fsanitize=${MAYFLY_SANITIZE})
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
  # Fortifying needs the optimizer, and hides what the sanitizers would find.
  add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()
