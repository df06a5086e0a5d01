#pragma once

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/write.hpp>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "config/settings.h"
#include "server/asio.h"
#include "server/upstream/wire/upstream_connection.h"

namespace roktcached::upstream {

using tcp = asio::ip::tcp;

/// A server on 127.0.0.1 that does with each connection what the test says, on the test's own thread.
class Loopback {
 public:
  using Serve = std::function<asio::awaitable<void>(tcp::socket&)>;

  Loopback(asio::io_context& context, Serve serve)
      : state_(std::make_shared<State>(context, std::move(serve))) {
    asio::co_spawn(context, accept(state_), asio::detached);
  }
  ~Loopback() { state_->acceptor.close(); }
  Loopback(const Loopback&) = delete;
  Loopback& operator=(const Loopback&) = delete;

  [[nodiscard]] std::uint16_t port() const { return state_->acceptor.local_endpoint().port(); }
  [[nodiscard]] config::Url url(bool tls = false) const { return {tls, "127.0.0.1", port(), ""}; }
  [[nodiscard]] int connections() const { return state_->connections; }

 private:
  /// Outlives the server, as its coroutines may.
  struct State {
    State(asio::io_context& context, Serve to_serve)
        : acceptor(context, {asio::ip::address_v4::loopback(), 0}), serve(std::move(to_serve)) {}
    tcp::acceptor acceptor;
    Serve serve;
    int connections = 0;
  };

  static asio::awaitable<void> accept(std::shared_ptr<State> state) {
    while (true) {
      auto [error, socket] = co_await state->acceptor.async_accept(as_result);
      if (error) co_return;
      ++state->connections;
      asio::co_spawn(state->acceptor.get_executor(), serve_one(std::move(socket), state), asio::detached);
    }
  }
  static asio::awaitable<void> serve_one(tcp::socket socket, std::shared_ptr<State> state) {
    co_await state->serve(socket);
  }

  std::shared_ptr<State> state_;
};

/// The next head that comes, without its empty line; empty if none does.
template <class Stream>
asio::awaitable<std::string> read_head(Stream& stream) {
  std::string received;
  auto buffer = asio::dynamic_buffer(received);
  const auto [error, size] = co_await asio::async_read_until(stream, buffer, "\r\n\r\n", as_result);
  co_return error ? std::string() : received.substr(0, size - 4);
}

template <class Stream>
asio::awaitable<void> write_text(Stream& stream, std::string text) {
  co_await asio::async_write(stream, asio::buffer(text), as_result);
}

inline std::string answer(const std::string& body, const std::string& fields = "") {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + fields + "\r\n" +
         body;
}

inline WireRequest get(const std::string& target = "/") {
  WireRequest request("GET", "", target);
  request.add("Host", "upstream.invalid");
  return request;
}

template <class T>
asio::awaitable<void> keep(asio::awaitable<T> work, std::optional<T>& result) {
  result.emplace(co_await std::move(work));
}

/// Runs `work` to its end; what the servers still have to do may follow.
template <class T>
T run(asio::io_context& context, asio::awaitable<T> work) {
  std::optional<T> result;
  std::exception_ptr failure;
  asio::co_spawn(context, keep(std::move(work), result),
                 [&](const std::exception_ptr& error) { failure = error; });
  context.restart();
  while (!result && !failure && context.run_one() > 0) {
  }
  if (failure) std::rethrow_exception(failure);
  return std::move(*result);
}

template <class T>
using Pending = std::shared_ptr<std::optional<T>>;

template <class T>
asio::awaitable<void> keep_in(asio::awaitable<T> work, Pending<T> result) {
  result->emplace(co_await std::move(work));
}

/// Begins `work`, which goes on whenever the context runs.
template <class T>
Pending<T> begin(asio::io_context& context, asio::awaitable<T> work) {
  auto result = std::make_shared<std::optional<T>>();
  asio::co_spawn(context, keep_in(std::move(work), result), asio::detached);
  return result;
}

/// Runs until `done`, or for as long as there is something to do.
template <class Done>
void run_until(asio::io_context& context, Done done) {
  context.restart();
  while (!done() && context.run_one() > 0) {
  }
}

/// A certificate for one DNS name that is its own authority, and a server's context that shows it.
class Certificate {
 public:
  explicit Certificate(const std::string& name) {
    EVP_PKEY* const key = EVP_EC_gen("P-256");
    X509* const certificate = X509_new();
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME* const subject = X509_get_subject_name(certificate);
    const std::string alternative = "DNS:" + name;
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("test"),
                               -1, -1, 0);
    X509_set_issuer_name(certificate, subject);
    for (const auto& [kind, value] : {std::pair{NID_subject_alt_name, alternative.c_str()},
                                      std::pair{NID_basic_constraints, "critical,CA:TRUE"}}) {
      X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value);
      X509_add_ext(certificate, extension, -1);
      X509_EXTENSION_free(extension);
    }
    X509_sign(certificate, key, EVP_sha256());
    SSL_CTX_use_certificate(server.native_handle(), certificate);
    SSL_CTX_use_PrivateKey(server.native_handle(), key);
    const int file = ::mkstemp(path.data());
    FILE* const stream = ::fdopen(file, "w");
    PEM_write_X509(stream, certificate);
    std::fclose(stream);
    X509_free(certificate);
    EVP_PKEY_free(key);
  }
  ~Certificate() { ::unlink(path.c_str()); }
  Certificate(const Certificate&) = delete;
  Certificate& operator=(const Certificate&) = delete;

  std::string path = "/tmp/roktcached-test-XXXXXX";  ///< for upstream.ca_file
  asio::ssl::context server{asio::ssl::context::tls_server};
};

}  // namespace roktcached::upstream
