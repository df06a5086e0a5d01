// The separately compilable parts of Boost, compiled once for all of server/. Boost.JSON is in core/.
#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/beast/src.hpp>
