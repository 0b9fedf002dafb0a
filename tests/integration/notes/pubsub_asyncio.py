# Both as tasks of asyncio.
import pynng
import asyncio


async def publisher():
    with pynng.Pub0(listen="inproc://example") as pub:
        counter = 0
        while True:
            message = f"Message {counter}"
            print(f"Publisher sending: {message}")
            pub.send(message.encode())
            await asyncio.sleep(1)
            counter += 1


async def subscriber():
    with pynng.Sub0(dial="inproc://example", topics=b"") as sub:
        while True:
            msg = await sub.arecv()
            print(f"Subscriber received: {msg.decode()}")


async def main():
    pub_task = asyncio.create_task(publisher())
    sub_task = asyncio.create_task(subscriber())
    await asyncio.gather(pub_task, sub_task)


if __name__ == "__main__":
    asyncio.run(main())
