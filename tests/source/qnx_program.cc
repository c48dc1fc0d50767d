// A program as it is written for QNX in C++; test_qnx_cplusplus.c has it compiled.
#include <cerrno>
#include <cstring>
#include <iostream>
#include <pthread.h>
#include <string>
#include <sys/dispatch.h>
#include <sys/netmgr.h>
#include <sys/neutrino.h>
#include <thread>
#include <vector>
#include <process.h>

struct Request {
    uint16_t type = _IO_MAX + 1;
    struct sigevent event {};
    char text[64] {};
};

union Buffer {
    struct _pulse pulse;
    char bytes[sizeof(Request)];
};

class Server {
  public:
    explicit Server(const std::string &name) : attach(name_attach(NULL, name.c_str(), 0)) {}
    ~Server() { if (attach) name_detach(attach, 0); }
    int run()
    {
        Buffer buffer;
        struct _msg_info info;
        int rcvid = MsgReceive(attach->chid, &buffer, sizeof(buffer), &info);
        if (rcvid == 0 && buffer.pulse.code == _PULSE_CODE_DISCONNECT) return ConnectDetach(buffer.pulse.scoid);
        return MsgReply(rcvid, EOK, "ok", 3);
    }

  private:
    name_attach_t *attach;
};

static void *start(void *argument) { return argument; }

int main()
{
    Server server("cplusplus");
    Request request;
    std::vector<iov_t> parts(2);
    char answer[8];
    int delay = 3; // QNX's function of that name is no macro
    SETIOV(&parts[0], &request, sizeof(request));
    SETIOV(&parts[1], answer, sizeof(answer));
    SIGEV_PULSE_INIT(&request.event, 1, SIGEV_PULSE_PRIO_INHERIT, _PULSE_CODE_MINAVAIL, &request);
    SIGEV_SIGNAL_INIT(&request.event, SIGUSR1);
    pthread_create(NULL, NULL, start, nullptr);
    std::thread other([&server] { server.run(); });
    int coid = name_open("cplusplus", 0);
    if (MsgSendv(coid, &parts[0], 1, &parts[1], 1) == -1) std::cerr << strerror(errno) << std::endl;
    other.join();
    timer_t timer;
    union sigval value;
    value.sival_int = delay;
    return timer_create(CLOCK_MONOTONIC, &request.event, &timer) + value.sival_int - delay;
}
