#pragma once

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/net/client_stream.h"
#include "tests/unit/server/net/certificates.h"

namespace roktcached::net {

using boost::system::error_code;

/// That tells its places apart.
inline std::string text_of(std::size_t size) {
  std::string text;
  for (int number = 0; text.size() < size; ++number) text += std::to_string(number) + ' ';
  text.resize(size);
  return text;
}

struct FreeTls {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* tls) const { SSL_free(tls); }
};

/// A stream with TLS and its client, an OpenSSL of its own whose ciphertext the test carries: all at once,
/// octet by octet, or not at all.
class StreamWithTls : public testing::Test {
 protected:
  StreamWithTls() {
    std::array<int, 2> ends = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    peer.emplace(ends[1]);
    auto server_context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
    const Identity identity("localhost");
    SSL_CTX_use_certificate(server_context->native_handle(), identity.certificate.get());
    SSL_CTX_use_PrivateKey(server_context->native_handle(), identity.key.get());
    stream.emplace(context.get_executor(), Descriptor(ends[0]), ClientStream::Protocol(AF_UNIX, SOCK_STREAM),
                   std::move(server_context));
    client.reset(SSL_new(client_context.get()));
    SSL_set_bio(client.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(client.get());
    SSL_set_msg_callback(client.get(), count_record);
    SSL_set_msg_callback_arg(client.get(), this);
  }

  static void count_record(int sent, int, int type, const void* header, std::size_t, SSL*, void* test) {
    const bool of_content =
        type == SSL3_RT_HEADER && *static_cast<const unsigned char*>(header) == SSL3_RT_APPLICATION_DATA;
    if (sent == 0 && of_content) ++static_cast<StreamWithTls*>(test)->records;
  }

  /// What the client has to send, which is sent no more.
  std::string ciphertext() {
    char* bytes = nullptr;
    const auto size = static_cast<std::size_t>(BIO_get_mem_data(SSL_get_wbio(client.get()), &bytes));
    std::string text(bytes, size);
    (void)BIO_reset(SSL_get_wbio(client.get()));
    return text;
  }
  void carry(std::string_view text) {
    EXPECT_EQ(::send(peer->get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  /// Gives the client what has come for it, and sends what it has to send.
  void carry() {
    carry(ciphertext());
    std::string some(64 * 1024, '\0');
    ssize_t size = 0;
    while ((size = ::recv(peer->get(), some.data(), some.size(), 0)) > 0)
      BIO_write(SSL_get_rbio(client.get()), some.data(), static_cast<int>(size));
  }
  void run() {
    context.restart();
    context.poll();
  }

  void shake_hands() {
    std::optional<error_code> shaken;
    asio::co_spawn(context, stream->shake_hands(),
                   [&](const std::exception_ptr&, const error_code& error) { shaken = error; });
    for (int turn = 0; turn < 10 && !shaken; ++turn) {
      SSL_do_handshake(client.get());
      carry();
      run();
    }
    ASSERT_TRUE(shaken && !*shaken);
    (void)got();  // the tickets for later connections
    records = 0;
  }

  void encipher(std::string_view text) {
    ASSERT_EQ(SSL_write(client.get(), text.data(), static_cast<int>(text.size())),
              static_cast<int>(text.size()));
  }
  /// What the client has got by now.
  std::string got() {
    carry();
    std::string all;
    std::string some(64 * 1024, '\0');
    int size = 0;
    while ((size = SSL_read(client.get(), some.data(), static_cast<int>(some.size()))) > 0)
      all.append(some, 0, static_cast<std::size_t>(size));
    end = SSL_get_error(client.get(), size);
    return all;
  }

  /// Begins to read; the outcome is in `read` and `read_error` once there is one.
  void begin_reading() {
    read_error.reset();
    asio::co_spawn(context, stream->read_some(asio::buffer(into)),
                   [this](const std::exception_ptr&, const std::tuple<error_code, std::size_t>& outcome) {
                     read_error = std::get<0>(outcome);
                     read.append(into.data(), std::get<1>(outcome));
                   });
    run();
  }
  /// @return the size of what could be read at once
  std::pair<error_code, std::string> read_now(std::size_t most = 16 * 1024) {
    std::string into(most, '\0');
    const auto [error, size] = stream->read_now(asio::buffer(into));
    return {error, into.substr(0, size)};
  }
  std::size_t write_now(std::string_view head, std::string_view content) {
    return stream->write_now(asio::buffer(head), asio::buffer(content), ClientStream::After::more);
  }

  asio::io_context context;
  std::optional<Descriptor> peer;
  std::optional<ClientStream> stream;
  std::unique_ptr<SSL_CTX, FreeTls> client_context{SSL_CTX_new(TLS_client_method())};
  std::unique_ptr<SSL, FreeTls> client;
  int records = 0;  // of content, that the client has got
  int end = 0;      // as SSL_get_error() has it: why got() got no more
  std::array<char, 16 * 1024> into{};
  std::string read;
  std::optional<error_code> read_error;
};

}  // namespace roktcached::net
