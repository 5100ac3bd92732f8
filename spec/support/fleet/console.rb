# frozen_string_literal: true

require "json"
require "rbconfig"
require_relative "../fleet"

class Fleet
  # A Ruby process on a node, beside its Chef runs, that runs what it is told: for calls and waits of scripts.
  #
  #     console = Fleet::Console.new(node)
  #     console.ask("FlockOfChefs['bender0'][:flock_api].active") # => false
  #     waiting = console.begin("wait_until { FlockOfChefs['bender0'][:flock_api].active }")
  #     waiting.value # => true
  class Console
    MAIN = File.expand_path("console_main.rb", __dir__)

    # What was begun.
    class Work
      def initialize(console, id, code)
        @console = console
        @id = id
        @code = code
      end

      def over? = !answer.nil?

      # @return [Object] as JSON brings it over
      # @raise [RuntimeError] what the code raised
      def value(timeout: 60)
        ended = Fleet.eventually("#{@code} on #{@console.name}", timeout:) { answer || gone }
        raise "#{@code} on #{@console.name}: #{ended["raised"]}" if ended.key?("raised")

        ended["value"]
      end

      private

      def answer = @console.answer(@id)
      def gone = ({ "raised" => "its process ended" } if @console.gone?)
    end

    attr_reader :pid, :name

    # @param node [Node]
    def initialize(node)
      @name = node.name
      @answers = {}
      @lock = Mutex.new
      @last_id = 0
      input, @input = IO.pipe
      @output, output = IO.pipe
      @pid = Process.spawn(node.environment, RbConfig.ruby, "-rbundler/setup", "-I", File.join(ROOT, "lib"), MAIN,
                           in: input, out: output, err: [node.path("console.log"), "a"], chdir: ROOT)
      [input, output].each(&:close)
      @process = Process.detach(@pid)
      @reader = Thread.new { @output.each_line { |line| take(JSON.parse(line)) } }
      Fleet.eventually("a console of #{name}") { answer(nil) || (gone? && raise("the console of #{name} ended")) }
    end

    # @param code [String]
    # @return [Object]
    def ask(code, timeout: 60) = self.begin(code).value(timeout:)

    # @param code [String]
    # @return [Array<String>] of our own error that it raises: class and code
    def raised(code, timeout: 60) = ask("raised { #{code} }", timeout:)

    # @return [Work]
    def begin(code)
      id = @lock.synchronize { @last_id += 1 }
      @input.puts(JSON.generate(id:, code:))
      Work.new(self, id, code)
    end

    def answer(id) = @lock.synchronize { @answers[id] }
    def gone? = !@process.alive?

    # @param signal [String]
    def close(signal = "KILL")
      Process.kill(signal, @pid) unless gone?
      @process.join
      @reader.join
      [@input, @output].each(&:close)
    end

    private

    def take(line) = @lock.synchronize { @answers[line["id"]] = line }
  end
end
