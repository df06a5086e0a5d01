# `cmake --install build/release` lays the program and what is beside it, `cpack --config build/release/CPackConfig.cmake`
# makes a Debian package of it.
install(TARGETS roktcached RUNTIME DESTINATION bin)
install(CODE "set(ROKTCACHED_SOURCE \"${PROJECT_SOURCE_DIR}\")")
install(SCRIPT deploy/install.cmake)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME roktcached)
set(CPACK_PACKAGE_VENDOR roktcached)
set(CPACK_PACKAGE_CONTACT "The roktcached maintainers <maintainers@roktcached.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "caching reverse proxy for the Rokt Reporting API")
string(CONCAT CPACK_DEBIAN_PACKAGE_DESCRIPTION
    "Services and BI tools ask it instead of api.rokt.com, with the same paths.\n"
    "It holds the credential, keeps the token fresh, answers from its cache, and\n"
    "shares the upstream's rate limit. While the upstream fails, it goes on\n"
    "answering from its cache.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "tzdata, ca-certificates")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "logrotate")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    ${PROJECT_SOURCE_DIR}/deploy/debian/conffiles ${PROJECT_SOURCE_DIR}/deploy/debian/postinst
    ${PROJECT_SOURCE_DIR}/deploy/debian/prerm ${PROJECT_SOURCE_DIR}/deploy/debian/postrm)
include(CPack)
