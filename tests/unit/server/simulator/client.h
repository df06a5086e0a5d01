#pragma once

#include <gtest/gtest.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/json/parse.hpp>
#include <memory>
#include <string>

#include "server/simulator/simulator.h"
#include "tests/unit/server/simulator/examples.h"

namespace roktcached::simulator::examples {

namespace asio = boost::asio;
namespace beast_http = boost::beast::http;
using Response = beast_http::response<beast_http::string_body>;

/// A blocking client of the simulator, one connection.
class Client {
 public:
  explicit Client(std::uint16_t port) { socket_.connect({asio::ip::make_address("127.0.0.1"), port}); }

  void write(const std::string& text) { asio::write(socket_, asio::buffer(text)); }

  /// @param fields  lines with their ends, e.g. "If-None-Match: x\r\n"
  void request(const std::string& method, const std::string& target, const std::string& fields = "",
               const std::string& body = "") {
    write(method + " " + target + " HTTP/1.1\r\nHost: simulator\r\n" + fields +
          "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  }

  /// The next response; `error` says where it did not come whole.
  Response response(boost::system::error_code& error, bool to_head = false) {
    beast_http::response_parser<beast_http::string_body> parser;
    parser.skip(to_head);
    beast_http::read(socket_, buffer_, parser, error);
    return parser.release();
  }
  Response response(bool to_head = false) {
    boost::system::error_code error;
    Response read = response(error, to_head);
    EXPECT_FALSE(error) << error.message();
    return read;
  }

  Response ask(const std::string& method, const std::string& target, const std::string& fields = "",
               const std::string& body = "") {
    request(method, target, fields, body);
    return response(method == "HEAD");
  }

  /// All that comes until the connection ends, and how it ends.
  std::string rest(boost::system::error_code& error) {
    std::string text;
    asio::read(socket_, asio::dynamic_buffer(text), error);
    return text;
  }

 private:
  asio::io_context context_{1};
  asio::ip::tcp::socket socket_{context_};
  boost::beast::flat_buffer buffer_;
};

inline const std::string demo_basic = "Authorization: Basic ZGVtby1hcHA6ZGVtby1zZWNyZXQ=\r\n";
inline const std::string grant_form = "grant_type=client_credentials";

/// Simulators on ports of the system's choice, whose data's clock stands still.
class SimulatorFixture : public testing::Test {
 protected:
  static Options options() {
    Options options;
    options.port = 0;
    options.now = noon_in_march;
    return options;
  }

  void start(const Options& wanted = options()) {
    auto started = Simulator::start(wanted);
    ASSERT_TRUE(started.has_value()) << started.error().context;
    simulator_ = std::move(*started);
  }

  Client connect() { return Client(simulator_->port()); }

  /// The Authorization line of a new token.
  std::string bearer() {
    const Response response = connect().ask("POST", "/auth/oauth2/token", demo_basic, grant_form);
    EXPECT_EQ(response.result_int(), 200U) << response.body();
    return "Authorization: Bearer " +
           std::string(boost::json::parse(response.body()).at("access_token").as_string()) + "\r\n";
  }

  void set_faults(const std::string& json) {
    EXPECT_EQ(connect().ask("POST", "/_simulator/faults", "", json).result_int(), 200U);
  }

  boost::json::object ledger() {
    return boost::json::parse(connect().ask("GET", "/_simulator/requests").body()).as_object();
  }

  std::unique_ptr<Simulator> simulator_;
};

}  // namespace roktcached::simulator::examples
