# Lays beside the program what a service needs: settings, unit, manual, completion, log rotation, pages.
# Run at install time, when the prefix is known. ROKTCACHED_SOURCE is set before it.
# Below /usr and /usr/local settings are in /etc, where the program looks for them; below another prefix, in its etc.
set(prefix "${CMAKE_INSTALL_PREFIX}")
set(etc "${prefix}/etc")
if(prefix MATCHES "^/usr(/local)?/?$")
  set(etc /etc)
endif()
set(root "$ENV{DESTDIR}")
set(deploy "${ROKTCACHED_SOURCE}/deploy")
set(doc "${prefix}/share/doc/roktcached")

# Settings that are there are somebody's.
if(NOT EXISTS "${root}${etc}/roktcached/roktcached.toml")
  file(INSTALL "${ROKTCACHED_SOURCE}/config/roktcached.toml" DESTINATION "${etc}/roktcached")
endif()
file(MAKE_DIRECTORY "${root}${etc}/roktcached/credentials")
file(CHMOD "${root}${etc}/roktcached/credentials" PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
file(INSTALL "${deploy}/debian/logrotate" DESTINATION "${etc}/logrotate.d" RENAME roktcached)

file(READ "${deploy}/systemd/roktcached.service" unit)
string(REPLACE "=/usr/bin/roktcached" "=${prefix}/bin/roktcached" unit "${unit}")
string(REPLACE "/etc/roktcached/" "${etc}/roktcached/" unit "${unit}")
file(WRITE "${root}${prefix}/lib/systemd/system/roktcached.service" "${unit}")
file(INSTALL "${deploy}/systemd/roktcached.socket" DESTINATION "${prefix}/lib/systemd/system")

execute_process(
  COMMAND python3 "${deploy}/man/make_manual.py" "${root}${prefix}/bin/roktcached" "${ROKTCACHED_SOURCE}/config/roktcached.toml"
          "${root}${prefix}/share/man"
  COMMAND_ERROR_IS_FATAL ANY)
file(INSTALL "${deploy}/completion/roktcached.bash" DESTINATION "${prefix}/share/bash-completion/completions" RENAME roktcached)

# As they lie in the project, so that their links lead somewhere.
file(INSTALL "${ROKTCACHED_SOURCE}/README.md" "${deploy}/debian/copyright" DESTINATION "${doc}")
file(INSTALL "${deploy}/SECURITY.md" "${deploy}/doc" "${deploy}/kubernetes" "${deploy}/prometheus" "${deploy}/grafana" DESTINATION "${doc}/deploy")
execute_process(COMMAND gzip -9nc "${ROKTCACHED_SOURCE}/CHANGELOG.md" OUTPUT_FILE "${root}${doc}/changelog.gz" COMMAND_ERROR_IS_FATAL ANY)
