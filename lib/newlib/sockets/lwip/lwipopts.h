/* SPDX-License-Identifier: MIT */
/*
 * What of lwIP programs have, and how large its buffers may become. lwIP and the port are compiled
 * with this file. Options that are not here have lwIP's default.
 */
#ifndef LWIPOPTS_H
#define LWIPOPTS_H

/* Threads of the program call the stack themselves, one at a time: under the core's lock. */
#define NO_SYS                        0
#define SYS_LIGHTWEIGHT_PROT          1
#define LWIP_TCPIP_CORE_LOCKING       1
#define LWIP_TCPIP_CORE_LOCKING_INPUT 1
#define LOCK_TCPIP_CORE()             sys_mutex_lock(&lock_tcpip_core)
/* What was sent under the lock leaves before the next thread has it (interface.h). */
#define UNLOCK_TCPIP_CORE() \
    do { \
        interface_flush(); \
        sys_mutex_unlock(&lock_tcpip_core); \
    } while (0)
void interface_flush(void);

/* One thread may receive while another sends or closes. */
#define LWIP_NETCONN_FULLDUPLEX       1
#define LWIP_NETCONN_SEM_PER_THREAD   1
#define LWIP_NETCONN_THREAD_SEM_GET() sys_thread_sem()
#define LWIP_NETCONN_THREAD_SEM_ALLOC()
#define LWIP_NETCONN_THREAD_SEM_FREE()

/* Memory is the program's heap, and its size the only limit. */
#define MEM_ALIGNMENT            16
#define MEM_CUSTOM_ALLOCATOR     1
#define MEM_CUSTOM_MALLOC        malloc
#define MEM_CUSTOM_FREE          free
#define MEM_CUSTOM_CALLOC        calloc
#define MEMP_MEM_MALLOC          1
#define MEMP_NUM_NETCONN         100 /* sockets */
#define LWIP_SUPPORT_CUSTOM_PBUF 1

#define LWIP_IPV4                1
#define LWIP_IPV6                0
#define LWIP_ICMP                1
#define LWIP_RAW                 1
#define LWIP_UDP                 1
#define LWIP_TCP                 1
#define LWIP_DNS                 1
#define LWIP_DHCP                1
#define LWIP_DHCP_DOES_ACD_CHECK 0 /* it takes seconds */
#define LWIP_IGMP                0
#define LWIP_HAVE_LOOPIF         1
#define LWIP_NETIF_LOOPBACK      1
#define LWIP_LOOPBACK_MAX_PBUFS  0
#define LWIP_NETIF_LINK_CALLBACK 0
#define LWIP_STATS               0
#define IP_REASSEMBLY            1
#define IP_REASS_MAX_PBUFS       100 /* two datagrams of the largest size */
#define IP_FRAG                  1
#define ARP_QUEUEING             1

/* One buffer for each frame, because an interface sends whole frames (<net/frames.h>). */
#define LWIP_NETIF_TX_SINGLE_PBUF 1
#define ETH_PAD_SIZE              0
#define PBUF_POOL_BUFSIZE         1536
/* The interface says for each frame which checksums are to be compared (interface.c). */
#define LWIP_CHECKSUM_CTRL_PER_NETIF 1

#define LWIP_WND_SCALE             1
#define TCP_RCV_SCALE              3
#define TCP_MSS                    8960 /* of an MTU of 9000; a connection's follows from its MTU */
#define TCP_OVERSIZE               TCP_MSS
#define TCP_WND                    (256 * 1024)
#define TCP_SND_BUF                (256 * 1024)
#define TCP_SND_QUEUELEN           2048
#define TCP_SNDLOWAT               (16 * 1024)
#define TCP_SNDQUEUELOWAT          1024
#define TCP_WND_UPDATE_THRESHOLD   (TCP_WND / 4)
#define TCP_LISTEN_BACKLOG         1
#define TCP_DEFAULT_LISTEN_BACKLOG 64
#define LWIP_TCP_TIMESTAMPS        0
#define LWIP_TCP_SACK_OUT          0

#define TCPIP_MBOX_SIZE           64
#define DEFAULT_TCP_RECVMBOX_SIZE 512
#define DEFAULT_UDP_RECVMBOX_SIZE 128
#define DEFAULT_RAW_RECVMBOX_SIZE 128
#define DEFAULT_ACCEPTMBOX_SIZE   64
#define TCPIP_THREAD_NAME         "tcpip"

/* An attacker who does not see the traffic guesses neither ports nor sequence numbers. */
#define LWIP_RANDOMIZE_INITIAL_LOCAL_PORTS 1
#define LWIP_HOOK_TCP_ISN(local_ip, local_port, remote_ip, remote_port) \
    stack_isn((local_ip)->addr, local_port, (remote_ip)->addr, remote_port)
unsigned stack_isn(unsigned own, unsigned own_port, unsigned other, unsigned other_port);

/* The sockets are the program's: lwIP is compiled with its headers. */
#define LWIP_SOCKET                           1
#define LWIP_NETCONN                          1
#define LWIP_COMPAT_SOCKETS                   0
#define LWIP_POSIX_SOCKETS_IO_NAMES           0
#define LWIP_SOCKET_EXTERNAL_HEADERS          1
#define LWIP_SOCKET_EXTERNAL_HEADER_SOCKETS_H "arch/headers.h"
#define LWIP_SOCKET_EXTERNAL_HEADER_INET_H    "arch/headers.h"
#define LWIP_DNS_API_DECLARE_H_ERRNO          0
#define LWIP_DNS_API_DEFINE_ERRORS            0
#define LWIP_DNS_API_DEFINE_FLAGS             0
#define LWIP_DNS_API_DECLARE_STRUCTS          0
#define LWIP_DONT_PROVIDE_BYTEORDER_FUNCTIONS 1
#define LWIP_SELECT_MAXNFDS                   MEMP_NUM_NETCONN
#define LWIP_SOCKET_SELECT                    0 /* sockets/poll.c has it, on lwip_poll */
#define LWIP_SOCKET_POLL                      1
#define LWIP_SO_RCVTIMEO                      1
#define LWIP_SO_SNDTIMEO                      1
#define LWIP_SO_RCVBUF                        1
#define LWIP_SO_LINGER                        1
#define SO_REUSE                              1
#define RECV_BUFSIZE_DEFAULT                  (256 * 1024)
#define LWIP_TCP_KEEPALIVE                    1
#define LWIP_NETBUF_RECVINFO                  1
#define LWIP_TIMEVAL_PRIVATE                  0

#endif
