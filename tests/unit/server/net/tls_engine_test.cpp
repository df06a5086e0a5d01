#include "server/net/tls_engine.h"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/ssl/error.hpp>
#include <string>
#include <utility>

#include "tests/unit/server/net/tls_stream_fixture.h"

namespace roktcached::net {
namespace {

TEST_F(StreamWithTls, ReadsATextWhoseRecordsComeOctetByOctet) {
  shake_hands();
  encipher("GET / HTTP/1.1\r\n\r\n");
  begin_reading();
  const std::string octets = ciphertext();
  for (const char& octet : octets) {
    ASSERT_FALSE(read_error);
    carry(std::string_view(&octet, 1));
    run();
  }
  ASSERT_TRUE(read_error && !*read_error);
  EXPECT_EQ(read, "GET / HTTP/1.1\r\n\r\n");
}

TEST_F(StreamWithTls, ShakesHandsOctetByOctet) {
  std::optional<error_code> shaken;
  asio::co_spawn(context, stream->shake_hands(),
                 [&](const std::exception_ptr&, const error_code& error) { shaken = error; });
  for (int turn = 0; turn < 10 && !shaken; ++turn) {
    SSL_do_handshake(client.get());
    for (const char octet : ciphertext()) {
      carry(std::string_view(&octet, 1));
      run();
    }
    carry();
  }
  EXPECT_TRUE(shaken && !*shaken);
}

TEST_F(StreamWithTls, ReadsAtOnceAllRecordsThatHaveCome) {
  shake_hands();
  EXPECT_EQ(read_now().first, asio::error::would_block);
  encipher("one ");
  encipher("two ");
  encipher("three");
  carry();
  EXPECT_EQ(read_now(), std::pair(error_code(), std::string("one two three")));
  EXPECT_FALSE(stream->drained()) << "over a Unix socket a read may end earlier";
  EXPECT_FALSE(stream->holds_more());
  EXPECT_EQ(read_now().first, asio::error::would_block);
}

TEST_F(StreamWithTls, TellsOfWhatDidNotFitIntoARead) {
  shake_hands();
  encipher("one ");
  encipher("two");
  carry();
  EXPECT_EQ(read_now(6).second, "one tw");
  EXPECT_TRUE(stream->holds_more()) << "no poller would tell";
  EXPECT_TRUE(stream->has_received());
  EXPECT_FALSE(stream->drained());
  EXPECT_EQ(read_now(6).second, "o");
  EXPECT_FALSE(stream->holds_more());
}

TEST_F(StreamWithTls, ReadsWhatComesWhileItWaitsHoweverLongItIs) {
  shake_hands();
  const std::string text = text_of(15'000);  // longer than what is kept of what comes meanwhile
  begin_reading();
  encipher(text);
  carry();
  while (read.size() < text.size()) {
    run();
    ASSERT_TRUE(read_error && !*read_error) << read.size();
    if (read.size() < text.size()) begin_reading();
  }
  EXPECT_EQ(read, text);
}

TEST_F(StreamWithTls, WritesAHeadAndTheBeginningOfItsContentInOneRecord) {
  shake_hands();
  const std::string head(400, 'h');
  const std::string content = text_of(12'000);
  EXPECT_EQ(write_now(head, content), 12'400U);
  EXPECT_EQ(got(), head + content);
  EXPECT_EQ(records, 1);
}

TEST_F(StreamWithTls, WritesALongAnswerInRecordsAsLargeAsThereAre) {
  shake_hands();
  const std::string content = text_of(60'000);
  EXPECT_EQ(write_now("", content), 60'000U);
  EXPECT_EQ(got(), content);
  records = 0;
  EXPECT_EQ(write_now("", content), 60'000U);
  EXPECT_EQ(got(), content);
  EXPECT_EQ(records, 4);
}

TEST_F(StreamWithTls, WaitsForRoomAndGoesOnInTheMiddleOfARecord) {
  shake_hands();
  const std::string text = text_of(4 << 20);
  std::size_t written = 0;
  std::size_t went = 0;
  while ((went = write_now("", std::string_view(text).substr(written))) > 0) written += went;
  ASSERT_LT(written, text.size());
  std::optional<error_code> done;
  asio::co_spawn(context, stream->write(asio::buffer(text) + written),
                 [&](const std::exception_ptr&, const std::tuple<error_code, std::size_t>& outcome) {
                   done = std::get<0>(outcome);
                   written += std::get<1>(outcome);
                 });
  run();
  EXPECT_FALSE(done) << "nobody has taken anything";
  std::string all;
  for (int turn = 0; turn < 10'000 && all.size() < text.size(); ++turn) {
    all += got();
    run();
  }
  ASSERT_TRUE(done && !*done);
  EXPECT_EQ(written, text.size());
  EXPECT_TRUE(all == text);
}

TEST_F(StreamWithTls, GoesOnWithARecordWhereMoreHasComeBehindIt) {
  shake_hands();
  const std::string text = text_of(4 << 20);
  std::size_t written = 0;
  std::size_t went = 0;
  while ((went = write_now("", std::string_view(text).substr(written, 20'000))) > 0) written += went;
  std::string all = got();
  // The one that was cut is shorter than what is written now, and the text begins with it.
  while (all.size() < text.size()) {
    const std::string_view rest = std::string_view(text).substr(written);
    const std::size_t of_head = std::min<std::size_t>(rest.size(), 3);
    written += write_now(rest.substr(0, of_head), rest.substr(of_head));
    all += got();
    ASSERT_EQ(end, SSL_ERROR_WANT_READ);
  }
  EXPECT_EQ(written, text.size());
  EXPECT_TRUE(all == text);
}

}  // namespace
}  // namespace roktcached::net
