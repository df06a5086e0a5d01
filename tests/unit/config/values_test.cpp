#include "config/values.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace roktcached::config {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

TEST(Durations, AreANumberAndAUnit) {
  EXPECT_EQ(parse_duration("500ms"), 500ms);
  EXPECT_EQ(parse_duration("10s"), 10s);
  EXPECT_EQ(parse_duration("5m"), 5min);
  EXPECT_EQ(parse_duration("1h"), 1h);
  EXPECT_EQ(parse_duration("7d"), std::chrono::days{7});
  EXPECT_EQ(parse_duration("0ms"), 0ms);
  EXPECT_EQ(parse_duration("007s"), 7s);
}

TEST(Durations, RefuseEverythingElse) {
  for (const std::string_view text : {"", "5", "ms", "s", "-5s", "+5s", " 5s", "5s ", "5 s", "1.5s", "1h30m",
                                      "5S", "5M", "5min", "5w", "5us", "0x5s", "five", "5s\n"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << '"' << text << '"';
  }
}

TEST(Durations, EndAtTenYears) {
  EXPECT_EQ(parse_duration("3650d"), std::chrono::days{3650});
  EXPECT_EQ(parse_duration("3651d"), std::nullopt);
  EXPECT_EQ(parse_duration("315360000001ms"), std::nullopt);
}

TEST(Durations, DoNotWrapAround) {
  EXPECT_EQ(parse_duration("18446744073709551615d"), std::nullopt);
  EXPECT_EQ(parse_duration("213503982335d"), std::nullopt) << "2^64 ms and a little more";
  EXPECT_EQ(parse_duration("18446744073709551616ms"), std::nullopt) << "more than 64 bits";
}

TEST(Durations, AreWrittenInTheLargestUnitThatDividesThem) {
  EXPECT_EQ(format_duration(0ms), "0ms");
  EXPECT_EQ(format_duration(1ms), "1ms");
  EXPECT_EQ(format_duration(1500ms), "1500ms");
  EXPECT_EQ(format_duration(90s), "90s");
  EXPECT_EQ(format_duration(60s), "1m");
  EXPECT_EQ(format_duration(24h), "1d");
  EXPECT_EQ(format_duration(36h), "36h");
}

TEST(Durations, ComeBackAsTheyWere) {
  for (const milliseconds value :
       {0ms, 1ms, 999ms, 1000ms, 61'000ms, 3'600'000ms, 86'400'000ms, 315'360'000'000ms}) {
    EXPECT_EQ(parse_duration(format_duration(value)), value);
  }
}

TEST(Sizes, AreANumberAndAUnit) {
  EXPECT_EQ(parse_size("4096B"), 4096U);
  EXPECT_EQ(parse_size("16KiB"), 16U * 1024);
  EXPECT_EQ(parse_size("256MiB"), 256U * 1024 * 1024);
  EXPECT_EQ(parse_size("1GiB"), 1024U * 1024 * 1024);
  EXPECT_EQ(parse_size("0B"), 0U);
}

TEST(Sizes, RefuseEverythingElse) {
  for (const std::string_view text :
       {"", "4096", "B", "KiB", "-1B", "+1B", "1 KiB", " 1KiB", "1KiB ", "1.5GiB", "1KB", "1MB", "1GB", "1K",
        "1kib", "1KIB", "1TiB", "1b", "1GiB1B"}) {
    EXPECT_EQ(parse_size(text), std::nullopt) << '"' << text << '"';
  }
}

TEST(Sizes, DoNotWrapAround) {
  EXPECT_EQ(parse_size("18446744073709551615B"), UINT64_MAX);
  EXPECT_EQ(parse_size("18446744073709551616B"), std::nullopt);
  EXPECT_EQ(parse_size("17179869183GiB"), UINT64_MAX - ((std::uint64_t{1} << 30) - 1));
  EXPECT_EQ(parse_size("17179869184GiB"), std::nullopt) << "2^64 bytes";
}

TEST(Sizes, AreWrittenInTheLargestUnitThatDividesThem) {
  EXPECT_EQ(format_size(0), "0B");
  EXPECT_EQ(format_size(1), "1B");
  EXPECT_EQ(format_size(1023), "1023B");
  EXPECT_EQ(format_size(1024), "1KiB");
  EXPECT_EQ(format_size(1536), "1536B");
  EXPECT_EQ(format_size(std::uint64_t{3} << 20), "3MiB");
  EXPECT_EQ(format_size(std::uint64_t{2048} << 30), "2048GiB");
}

TEST(Endpoints, AreAnAddressAndAPort) {
  EXPECT_EQ(parse_endpoint("127.0.0.1:8080"), (Endpoint{"127.0.0.1", 8080}));
  EXPECT_EQ(parse_endpoint("[::1]:8080"), (Endpoint{"[::1]", 8080}));
  EXPECT_EQ(parse_endpoint("localhost:0"), (Endpoint{"localhost", 0}));
  EXPECT_EQ(parse_endpoint("0.0.0.0:65535"), (Endpoint{"0.0.0.0", 65535}));
}

TEST(Endpoints, RefuseEverythingElse) {
  for (const std::string_view text : {"",
                                      ":",
                                      "127.0.0.1",
                                      "127.0.0.1:",
                                      ":8080",
                                      "127.0.0.1:65536",
                                      "127.0.0.1:-1",
                                      "127.0.0.1:+1",
                                      "127.0.0.1:80x",
                                      "127.0.0.1: 80",
                                      " 127.0.0.1:80",
                                      "127.0.0.1:80 ",
                                      "::1",
                                      "::1:8080",
                                      "[::1]",
                                      "[::1]:",
                                      "[::1",
                                      "[]:80",
                                      "::1]:80",
                                      "[::1]x:80",
                                      "http://127.0.0.1:80",
                                      "a b:80",
                                      "user@host:80"}) {
    EXPECT_EQ(parse_endpoint(text), std::nullopt) << '"' << text << '"';
  }
}

TEST(Endpoints, MayBeUnixSockets) {
  const auto endpoint = parse_endpoint("unix:/run/roktcached/proxy.sock");
  ASSERT_TRUE(endpoint.has_value());
  EXPECT_EQ(*endpoint, (Endpoint{"", 0, "/run/roktcached/proxy.sock"}));
  EXPECT_TRUE(endpoint->is_unix());
  EXPECT_TRUE(endpoint->is_loopback());
  EXPECT_FALSE((Endpoint{"127.0.0.1", 80}).is_unix());
  EXPECT_EQ(parse_tcp_endpoint("unix:/run/roktcached/proxy.sock"), std::nullopt);
  EXPECT_EQ(parse_tcp_endpoint("127.0.0.1:80"), (Endpoint{"127.0.0.1", 80}));
}

// sockaddr_un has 108 bytes for the path and the zero after it: what is longer would be cut to another path.
TEST(Endpoints, AUnixPathFitsIntoAnAddress) {
  const auto path_of = [](std::size_t size) { return "unix:/" + std::string(size - 1, 'x'); };
  EXPECT_TRUE(parse_endpoint(path_of(107)).has_value());
  EXPECT_EQ(parse_endpoint(path_of(108)), std::nullopt);
  EXPECT_EQ(parse_endpoint(path_of(100'000)), std::nullopt);
}

TEST(Endpoints, RefuseOtherUnixPaths) {
  using namespace std::string_view_literals;
  for (const std::string_view text :
       {"unix:"sv, "unix:/"sv, "unix:proxy.sock"sv, "unix:./proxy.sock"sv, "unix:/run/"sv, "unix://"sv,
        "unix: /run/a"sv, "UNIX:/run/a"sv, "/run/a"sv, "unix:/run/a\n"sv, "unix:/run/\x7f"sv,
        "unix:/run/a\0b"sv, "unix:@abstract"sv, "unix:\0abstract"sv}) {
    EXPECT_EQ(parse_endpoint(text), std::nullopt) << '"' << text << '"';
  }
}

TEST(Endpoints, AreWrittenAsTheyAreRead) {
  for (const std::string text : {"127.0.0.1:8080", "[::1]:0", "localhost:65535", "unix:/run/a b.sock"}) {
    const auto endpoint = parse_endpoint(text);
    ASSERT_TRUE(endpoint.has_value()) << text;
    EXPECT_EQ(to_string(*endpoint), text);
  }
}

TEST(Endpoints, KnowWhetherTheyAreOnLoopback) {
  for (const char* host : {"127.0.0.1", "127.0.0.2", "127.255.255.254", "[::1]", "localhost"}) {
    EXPECT_TRUE((Endpoint{host, 80}).is_loopback()) << host;
  }
  for (const char* host : {"0.0.0.0", "[::]", "192.168.0.1", "10.0.0.127", "128.0.0.1", "[fe80::1]",
                           "localhost.example.com", "api.rokt.com"}) {
    EXPECT_FALSE((Endpoint{host, 80}).is_loopback()) << host;
  }
}

// Anybody can own a name that begins like an address; what goes to loopback is trusted with the credential.
TEST(Endpoints, ANameThatBeginsLikeALoopbackAddressIsNotOnLoopback) {
  for (const char* host : {"127.example.com", "127.0.0.1.example.com", "127.", "127.0.0.1-x"}) {
    EXPECT_FALSE((Endpoint{host, 80}).is_loopback()) << host;
  }
}

TEST(Urls, HaveSchemeHostPortAndPath) {
  EXPECT_EQ(parse_url("https://api.rokt.com"), (Url{true, "api.rokt.com", 443, ""}));
  EXPECT_EQ(parse_url("https://api.rokt.com/"), (Url{true, "api.rokt.com", 443, ""}));
  EXPECT_EQ(parse_url("https://api.rokt.com:8443/v1/"), (Url{true, "api.rokt.com", 8443, "/v1"}));
  EXPECT_EQ(parse_url("http://127.0.0.1:9090"), (Url{false, "127.0.0.1", 9090, ""}));
  EXPECT_EQ(parse_url("http://localhost"), (Url{false, "localhost", 80, ""}));
  EXPECT_EQ(parse_url("http://[::1]:9090/a/b"), (Url{false, "[::1]", 9090, "/a/b"}));
  EXPECT_EQ(parse_url("https://[::1]"), (Url{true, "[::1]", 443, ""}));
}

TEST(Urls, RefuseOtherSchemes) {
  for (const std::string_view text :
       {"", "api.rokt.com", "//api.rokt.com", "ftp://api.rokt.com", "https:/api.rokt.com",
        "https:api.rokt.com", "file:///etc/passwd", " https://api.rokt.com"}) {
    EXPECT_EQ(parse_url(text), std::nullopt) << '"' << text << '"';
  }
}

TEST(Urls, RefuseUserQueryAndFragment) {
  for (const std::string_view text :
       {"https://user@api.rokt.com", "https://user:password@api.rokt.com", "https://api.rokt.com?a=1",
        "https://api.rokt.com/?a=1", "https://api.rokt.com#top", "https://api.rokt.com/#top"}) {
    EXPECT_EQ(parse_url(text), std::nullopt) << '"' << text << '"';
  }
}

TEST(Urls, RefuseABadHostOrPort) {
  for (const std::string_view text :
       {"https://", "https:///path", "https://:443", "https://api.rokt.com:", "https://api.rokt.com:0",
        "https://api.rokt.com:65536", "https://api.rokt.com:x", "https://a b", "https://api_rokt.com",
        "https://::1", "https://[::1", "https://[]"}) {
    EXPECT_EQ(parse_url(text), std::nullopt) << '"' << text << '"';
  }
}

// The path becomes part of every request line: what could end the line would begin another request.
TEST(Urls, RefuseAPathThatIsNoPath) {
  for (const std::string_view text :
       {"https://api.rokt.com/a b", "https://api.rokt.com/a\tb", "https://api.rokt.com/a\\b",
        "https://api.rokt.com/%41", "https://api.rokt.com/a\r\nX:y", "https://api.rokt.com/a\nb",
        "https://api.rokt.com/\x7f", "https://api.rokt.com/caf\xc3\xa9"}) {
    EXPECT_EQ(parse_url(text), std::nullopt) << '"' << text << '"';
  }
}

TEST(Proxies, AreAHostAndAPort) {
  EXPECT_EQ(parse_proxy("http://proxy.example.com:3128"), (Url{false, "proxy.example.com", 3128, ""}));
  EXPECT_EQ(parse_proxy("http://127.0.0.1:80/"), (Url{false, "127.0.0.1", 80, ""}));
  EXPECT_EQ(parse_proxy("http://[::1]:3128"), (Url{false, "[::1]", 3128, ""}));
}

TEST(Proxies, RefuseEverythingElse) {
  for (const std::string_view text :
       {"", "proxy:3128", "http://proxy", "http://:3128", "http://proxy:0", "http://proxy:65536",
        "https://proxy:3128", "socks5://proxy:3128", "HTTP://proxy:3128", "http://proxy:3128/path",
        "http://proxy:3128//", "http://user@proxy:3128", "http://user:password@proxy:3128",
        "http://proxy:3128?a", "http://proxy:3128#a", "http://a b:3128", "http://a\r\nb:3128"}) {
    EXPECT_EQ(parse_proxy(text), std::nullopt) << '"' << text << '"';
  }
}

TEST(Proxies, AreNoUnixSockets) {
  EXPECT_EQ(parse_proxy("http://unix:/run/proxy.sock"), std::nullopt);
  EXPECT_EQ(parse_proxy("unix:/run/proxy.sock"), std::nullopt);
  EXPECT_EQ(parse_url("unix:/run/proxy.sock"), std::nullopt);
}

TEST(Origins, AreAsABrowserSendsThem) {
  for (const std::string text :
       {"https://bi.example.com", "http://localhost", "https://bi.example.com:8443", "http://127.0.0.1:3000",
        "http://[::1]:3000", "https://a:80", "http://a:443"}) {
    EXPECT_EQ(parse_origin(text), text);
  }
}

// Another spelling would never be found among them, and "null" is what every sandboxed page sends.
TEST(Origins, RefuseEverythingElse) {
  for (const std::string_view text : {"",
                                      "*",
                                      "null",
                                      "bi.example.com",
                                      "//bi.example.com",
                                      "https://",
                                      "https://*",
                                      "https://*.example.com",
                                      "https://bi.example.com/",
                                      "https://bi.example.com/a",
                                      "https://bi.example.com?a",
                                      "https://bi.example.com#a",
                                      "https://user@bi.example.com",
                                      "https://BI.example.com",
                                      "HTTPS://bi.example.com",
                                      "https://bi.example.com:443",
                                      "http://bi.example.com:80",
                                      "https://bi.example.com:08443",
                                      "https://bi.example.com:0",
                                      "https://bi.example.com:",
                                      "https://bi.example.com:65536",
                                      "ftp://bi.example.com",
                                      "https://bi.example.com ",
                                      " https://bi.example.com",
                                      "https://a,https://b",
                                      "https://a\r\nb",
                                      "file://",
                                      "unix:/run/a"}) {
    EXPECT_EQ(parse_origin(text), std::nullopt) << '"' << text << '"';
  }
}

TEST(Modes, AreFourOctalDigits) {
  EXPECT_EQ(parse_mode("0660"), 0660U);
  EXPECT_EQ(parse_mode("0000"), 0U);
  EXPECT_EQ(parse_mode("0777"), 0777U);
  for (const std::string_view text : {"", "0", "660", "00660", "1777", "0680", "0x66", "-660", "066", "0660 ",
                                      " 660", "066.", "rw-rw----"}) {
    EXPECT_EQ(parse_mode(text), std::nullopt) << '"' << text << '"';
  }
  for (const std::uint32_t mode : {0U, 0007U, 0600U, 0660U, 0777U})
    EXPECT_EQ(parse_mode(format_mode(mode)), mode);
  EXPECT_EQ(format_mode(01777), "1777");
}

TEST(Urls, AreWrittenWithoutTheUsualPort) {
  EXPECT_EQ(to_string(Url{true, "api.rokt.com", 443, ""}), "https://api.rokt.com");
  EXPECT_EQ(to_string(Url{true, "api.rokt.com", 80, "/v1"}), "https://api.rokt.com:80/v1");
  EXPECT_EQ(to_string(Url{false, "localhost", 80, ""}), "http://localhost");
  EXPECT_EQ(to_string(Url{false, "[::1]", 443, ""}), "http://[::1]:443");
}

TEST(LogNames, AreThoseOfTheFile) {
  const std::vector<std::pair<LogLevel, std::string_view>> levels = {{LogLevel::trace, "trace"},
                                                                     {LogLevel::debug, "debug"},
                                                                     {LogLevel::info, "info"},
                                                                     {LogLevel::warn, "warn"},
                                                                     {LogLevel::error, "error"}};
  for (const auto& [level, name] : levels) EXPECT_EQ(to_string(level), name);
}

}  // namespace
}  // namespace roktcached::config
