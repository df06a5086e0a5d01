#include "server/service_manager.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "core/descriptor.h"

namespace roktcached {
namespace {

using namespace std::chrono_literals;

/// A service manager's socket, and all that it has been told.
class Manager {
 public:
  /// @param name  a path, or "@" and an abstract name
  explicit Manager(const std::string& name) : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    name.copy(address.sun_path, sizeof(address.sun_path) - 1);
    if (name.starts_with('@')) address.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0)
      throw std::runtime_error("cannot bind " + name);
  }
  /// The next datagram; "" where there is none.
  std::string next() {
    std::array<char, 1024> bytes{};
    const ssize_t size = ::recv(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    return size > 0 ? std::string(bytes.data(), static_cast<std::size_t>(size)) : "";
  }

 private:
  Descriptor socket_;
};

std::string name_of_our_own(const std::string& name) {
  return name + std::to_string(::getpid());
}

TEST(ServiceManagerTest, IsToldOverAnAbstractSocketAndOverAPath) {
  const std::string path =
      (std::filesystem::temp_directory_path() / name_of_our_own("roktcached-notify-")).string();
  for (const std::string& name : {name_of_our_own("@roktcached-notify-"), path}) {
    Manager manager(name);
    ServiceManager told(name, "", "");
    EXPECT_TRUE(told.listens());
    told.ready();
    EXPECT_EQ(manager.next(), "READY=1") << name;
    told.stopping();
    EXPECT_EQ(manager.next(), "STOPPING=1") << name;
  }
  std::filesystem::remove(path);
}

TEST(ServiceManagerTest, AReloadSaysWhenItBegan) {
  const std::string name = name_of_our_own("@roktcached-reloading-");
  Manager manager(name);
  ServiceManager(name, "", "").reloading();
  const std::string said = manager.next();
  const std::string begins = "RELOADING=1\nMONOTONIC_USEC=";
  ASSERT_TRUE(said.starts_with(begins)) << said;
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const auto usec = std::stoll(said.substr(begins.size()));
  EXPECT_LE(usec, now.tv_sec * 1'000'000LL + now.tv_nsec / 1'000);
  EXPECT_GT(usec, (now.tv_sec - 60) * 1'000'000LL);
}

TEST(ServiceManagerTest, AStatusIsToldOnceAndIsOneLine) {
  const std::string name = name_of_our_own("@roktcached-status-");
  Manager manager(name);
  ServiceManager told(name, "", "");
  told.status("serving\nREADY=1");
  EXPECT_EQ(manager.next(), "STATUS=serving") << "nothing that it holds is an assignment of its own";
  told.status("serving\nREADY=1");
  EXPECT_EQ(manager.next(), "");
  told.status("draining");
  EXPECT_EQ(manager.next(), "STATUS=draining");
}

TEST(ServiceManagerTest, WantsAHeartbeatAtHalfOfTheTime) {
  const std::string name = name_of_our_own("@roktcached-watchdog-");
  EXPECT_EQ(ServiceManager(name, "30000000", "").heartbeat(), 15s);
  EXPECT_EQ(ServiceManager(name, "30000000", std::to_string(::getpid())).heartbeat(), 15s);
  EXPECT_EQ(ServiceManager(name, "30000000", "1").heartbeat(), std::nullopt) << "it is about another process";
  for (const char* odd : {"", "0", "-1", "soon", "3s"})
    EXPECT_EQ(ServiceManager(name, odd, "").heartbeat(), std::nullopt) << odd;
  Manager manager(name);
  ServiceManager(name, "30000000", "").alive();
  EXPECT_EQ(manager.next(), "WATCHDOG=1");
}

TEST(ServiceManagerTest, WithoutASocketNobodyIsTold) {
  for (const std::string& name : {std::string(), std::string("@"), std::string("relative"),
                                  std::string("vsock:2:1234"), "/" + std::string(200, 'x')}) {
    ServiceManager told(name, "30000000", "");
    EXPECT_FALSE(told.listens()) << name;
    EXPECT_EQ(told.heartbeat(), std::nullopt) << name;
    told.ready();
  }
  ServiceManager("/nonexistent/notify", "", "").ready();  // nor is anything amiss where nobody listens
}

}  // namespace
}  // namespace roktcached
