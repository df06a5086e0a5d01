#include "server/net/listening_socket.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <barrier>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace roktcached::net {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::StartsWith;

/// A socket of the operating system's, closed when it goes.
class Socket {
 public:
  explicit Socket(int type) : number_(::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    if (number_ < 0) throw std::runtime_error("no socket");
  }
  ~Socket() { ::close(number_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  void bind(const std::string& path) const {
    const sockaddr_un address = address_of(path);
    if (::bind(number_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
      throw std::runtime_error("cannot bind " + path);
  }
  /// @return errno's value, or 0
  [[nodiscard]] int connect(const std::string& path) const {
    const sockaddr_un address = address_of(path);
    return ::connect(number_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ? 0 : errno;
  }
  [[nodiscard]] int number() const { return number_; }

 private:
  static sockaddr_un address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    return address;
  }
  const int number_;
};

int connected(const std::string& path) {
  return Socket(SOCK_STREAM).connect(path);
}

class UnixSocketTest : public testing::Test {
 protected:
  UnixSocketTest() {
    std::string name = (fs::temp_directory_path() / "roktcached-socket-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    folder = name;
    path = folder / "proxy.sock";
  }
  ~UnixSocketTest() override {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }

  [[nodiscard]] Result<UnixSocket> open(mode_t mode = 0660, const std::string& group = "") const {
    return UnixSocket::open(path, mode, group);
  }
  /// @return why it is refused, with `code`
  [[nodiscard]] std::string refusal(ErrorCode code, const std::string& group = "") const {
    const auto opened = open(0660, group);
    if (opened) return "taken";
    EXPECT_EQ(opened.error().code, code);
    EXPECT_THAT(opened.error().context, StartsWith("unix:" + path + ": "));
    return opened.error().context;
  }
  [[nodiscard]] struct stat status() const {
    struct stat found {};
    if (::lstat(path.c_str(), &found) != 0) throw std::runtime_error("nothing there");
    return found;
  }
  [[nodiscard]] bool exists() const { return fs::symlink_status(path).type() != fs::file_type::not_found; }

  fs::path folder;
  std::string path;
};

TEST_F(UnixSocketTest, HasTheModeWhateverTheUmask) {
  for (const mode_t mask : {0000U, 0022U, 0777U}) {
    for (const mode_t mode : {0600U, 0660U, 0666U}) {
      const mode_t before = ::umask(mask);
      const auto opened = open(mode);
      ::umask(before);
      ASSERT_TRUE(opened) << opened.error().context;
      EXPECT_TRUE(S_ISSOCK(status().st_mode));
      EXPECT_EQ(status().st_mode & 07777U, mode);
      EXPECT_EQ(status().st_uid, ::geteuid());
      EXPECT_EQ(opened->path(), path);
    }
  }
}

TEST_F(UnixSocketTest, HasTheGroupThatIsAskedFor) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root gives a file to another group";
  const group* const wanted = ::getgrnam("daemon");  // NOLINT(concurrency-mt-unsafe): one thread
  if (wanted == nullptr) GTEST_SKIP() << "there is no such group here";
  const gid_t id = wanted->gr_gid;
  const auto opened = open(0660, "daemon");
  ASSERT_TRUE(opened) << opened.error().context;
  EXPECT_EQ(status().st_gid, id);
  EXPECT_EQ(status().st_mode & 07777U, 0660U);
}

TEST_F(UnixSocketTest, LeavesNothingBehindWhereTheGroupIsUnknown) {
  EXPECT_THAT(refusal(ErrorCode::configuration, "no-such-group"),
              HasSubstr("listen.unix_group = \"no-such-group\": there is no such group"));
  EXPECT_FALSE(exists());
}

TEST_F(UnixSocketTest, ALookMakesNothingAndRefusesAlike) {
  EXPECT_TRUE(UnixSocket::check(path));
  EXPECT_TRUE(UnixSocket::check_free(path));
  EXPECT_FALSE(exists());
  EXPECT_FALSE(UnixSocket::check((folder / "no-such-folder" / "socket").string()));
  {
    const auto opened = open();
    ASSERT_TRUE(opened);
    EXPECT_TRUE(UnixSocket::check(path)) << "ours, and in use: of the moment";
    EXPECT_EQ(UnixSocket::check_free(path).error().code, ErrorCode::unavailable);
  }
  std::ofstream(path) << "precious";
  EXPECT_EQ(UnixSocket::check(path).error().code, ErrorCode::configuration);
  EXPECT_FALSE(UnixSocket::check(path + "/socket")) << "below a file";
}

TEST(CheckUnixGroup, TakesNoneOrOneOfOurs) {
  EXPECT_TRUE(check_unix_group(""));
  const group* const own = ::getgrgid(::getegid());  // NOLINT(concurrency-mt-unsafe): one thread
  ASSERT_NE(own, nullptr);
  EXPECT_TRUE(check_unix_group(own->gr_name));
  const auto unknown = check_unix_group("no-such-group");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().context, "listen.unix_group: \"no-such-group\": there is no such group");
}

TEST_F(UnixSocketTest, IsAcceptedOnByAsManyAsAsk) {
  const auto opened = open();
  ASSERT_TRUE(opened);
  boost::asio::io_context context;
  for (int i = 0; i < 3; ++i) {
    auto acceptor = opened->acceptor(context.get_executor());
    ASSERT_TRUE(acceptor);
    const Socket client(SOCK_STREAM);
    ASSERT_EQ(client.connect(path), 0);
    boost::system::error_code error;
    const auto accepted = acceptor->accept(error);
    EXPECT_FALSE(error) << error.message();
    EXPECT_TRUE(accepted.is_open());
    EXPECT_NE(::fcntl(acceptor->native_handle(), F_GETFD) & FD_CLOEXEC, 0);
  }
}

TEST_F(UnixSocketTest, ReplacesOneThatNobodyListensOn) {
  Socket(SOCK_STREAM).bind(path);
  ASSERT_TRUE(exists());
  ASSERT_EQ(connected(path), ECONNREFUSED);
  const auto opened = open();
  ASSERT_TRUE(opened) << opened.error().context;
  EXPECT_EQ(connected(path), 0);
}

/// Both find the dead one; without a lock the second removes what the first has put there.
TEST_F(UnixSocketTest, OfManyThatReplaceADeadOneAtOnceOneIsServed) {
  constexpr int rounds = 50;
  constexpr std::size_t starts = 8;
  for (int round = 0; round < rounds; ++round) {
    Socket(SOCK_STREAM).bind(path);
    std::barrier together(starts);
    std::vector<std::optional<Result<UnixSocket>>> opened(starts);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < starts; ++i) {
      threads.emplace_back([&together, &one = opened[i], this] {
        together.arrive_and_wait();
        one.emplace(open());
      });
    }
    for (std::thread& thread : threads) thread.join();
    const UnixSocket* served = nullptr;
    for (const auto& one : opened) {
      if (!*one) {
        EXPECT_EQ(one->error().code, ErrorCode::unavailable) << one->error().context;
        continue;
      }
      EXPECT_EQ(served, nullptr) << "two have it, of which one is served by nobody";
      served = &**one;
    }
    ASSERT_NE(served, nullptr);
    ASSERT_EQ(connected(path), 0);
    const Socket first(SOCK_STREAM);
    ASSERT_EQ(first.connect(path), 0);
    const Descriptor accepted(::accept(served->descriptor(), nullptr, nullptr));
    EXPECT_GE(accepted.get(), 0) << "it is the one at the path";
  }
}

TEST_F(UnixSocketTest, LeavesADeadOneToWhoeverIsAboutToReplaceIt) {
  Socket(SOCK_STREAM).bind(path);
  const ino_t inode = status().st_ino;
  {
    const Descriptor lock(::open((path + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    ASSERT_EQ(::flock(lock.get(), LOCK_EX), 0);
    EXPECT_THAT(refusal(ErrorCode::unavailable), HasSubstr("another process is about to take it"));
    EXPECT_EQ(status().st_ino, inode);
    EXPECT_TRUE(fs::exists(path + ".lock")) << "it is the other's";
  }
  const auto opened = open();
  ASSERT_TRUE(opened) << "a lock that a dead process has left holds nobody up: " << opened.error().context;
  EXPECT_FALSE(fs::exists(path + ".lock"));
}

TEST_F(UnixSocketTest, LeavesALiveOneAlone) {
  const auto first = open();
  ASSERT_TRUE(first);
  const ino_t inode = status().st_ino;
  EXPECT_THAT(refusal(ErrorCode::unavailable), HasSubstr("Address already in use"));
  EXPECT_EQ(status().st_ino, inode);
  EXPECT_EQ(connected(path), 0);
}

TEST_F(UnixSocketTest, LeavesALiveOneAloneWhoseQueueIsFull) {
  const Socket server(SOCK_STREAM);
  server.bind(path);
  ASSERT_EQ(::listen(server.number(), 0), 0);
  const Socket queued(SOCK_STREAM);
  ASSERT_EQ(queued.connect(path), 0);
  ASSERT_EQ(connected(path), EAGAIN);
  EXPECT_THAT(refusal(ErrorCode::unavailable), HasSubstr("Address already in use"));
  EXPECT_TRUE(exists());
}

TEST_F(UnixSocketTest, LeavesALiveOneOfAnotherTypeAlone) {
  for (const int type : {SOCK_DGRAM, SOCK_SEQPACKET}) {
    {
      const Socket other(type);
      other.bind(path);
      const bool listens = type == SOCK_SEQPACKET && ::listen(other.number(), 1) == 0;
      ASSERT_TRUE(listens || type == SOCK_DGRAM);
      EXPECT_THAT(refusal(ErrorCode::unavailable), HasSubstr("Address already in use")) << type;
      EXPECT_TRUE(exists()) << type;
    }
    EXPECT_TRUE(open()) << "it is dead now, " << type;
  }
}

TEST_F(UnixSocketTest, LeavesALiveOneAloneWhereItCannotAsk) {
  const auto first = open();
  ASSERT_TRUE(first);
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none{0, limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto second = open();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_FALSE(second);
  EXPECT_EQ(connected(path), 0);
}

TEST_F(UnixSocketTest, LeavesWhatIsNoSocketAlone) {
  std::ofstream(path) << "a file";
  EXPECT_THAT(refusal(ErrorCode::configuration), HasSubstr("exists and is no socket"));
  EXPECT_EQ(fs::file_size(path), 6U);
  fs::remove(path);

  fs::create_directory(path);
  EXPECT_THAT(refusal(ErrorCode::configuration), HasSubstr("exists and is no socket"));
  fs::remove(path);

  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_THAT(refusal(ErrorCode::configuration), HasSubstr("exists and is no socket"));
  fs::remove(path);

  const std::string elsewhere = folder / "elsewhere.sock";
  Socket(SOCK_STREAM).bind(elsewhere);
  fs::create_symlink(elsewhere, path);
  EXPECT_THAT(refusal(ErrorCode::configuration), HasSubstr("exists and is no socket"))
      << "a link is not followed";
  EXPECT_TRUE(fs::is_symlink(path));
  EXPECT_TRUE(fs::exists(elsewhere));
}

TEST_F(UnixSocketTest, LeavesAnotherUsersAlone) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root gives a file to another user";
  Socket(SOCK_STREAM).bind(path);
  ASSERT_EQ(::lchown(path.c_str(), 65534, 65534), 0);
  EXPECT_THAT(refusal(ErrorCode::configuration), HasSubstr("is a socket of another user"));
  EXPECT_EQ(status().st_uid, 65534U);
}

TEST_F(UnixSocketTest, NeedsAFolderAndAPathThatFits) {
  path = folder / "missing" / "proxy.sock";
  EXPECT_THAT(refusal(ErrorCode::configuration), HasSubstr("No such file or directory"));
  path = folder.string() + "/" + std::string(107 - folder.string().size() - 1, 'a');
  ASSERT_EQ(path.size(), 107U);
  EXPECT_TRUE(open());
  path += 'a';
  EXPECT_THAT(refusal(ErrorCode::configuration), HasSubstr("at most 107 bytes"));
  EXPECT_TRUE(fs::is_empty(folder)) << "nothing at a path that was cut short";
}

TEST_F(UnixSocketTest, TakesItsFileWithIt) {
  {
    const auto opened = open();
    ASSERT_TRUE(opened);
    EXPECT_TRUE(exists());
  }
  EXPECT_FALSE(exists());
}

TEST_F(UnixSocketTest, TakesNobodyElsesFileWithIt) {
  for (const bool socket : {true, false}) {
    auto opened = std::make_unique<UnixSocket>(open().value());
    fs::remove(path);
    const Socket other(SOCK_STREAM);
    if (socket) {
      other.bind(path);
    } else {
      std::ofstream(path) << "a file";
    }
    const ino_t inode = status().st_ino;
    opened.reset();
    ASSERT_TRUE(exists());
    EXPECT_EQ(status().st_ino, inode);
    fs::remove(path);
  }
}

TEST_F(UnixSocketTest, IsOneAsItMoves) {
  auto opened = std::make_unique<UnixSocket>(open().value());
  {
    const UnixSocket moved(std::move(*opened));
    EXPECT_EQ(moved.path(), path);
    opened.reset();  // what it was moved from takes nothing with it
    EXPECT_EQ(connected(path), 0);
  }
  EXPECT_FALSE(exists());
}

}  // namespace
}  // namespace roktcached::net
