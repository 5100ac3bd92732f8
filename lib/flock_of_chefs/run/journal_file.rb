# frozen_string_literal: true

require "json"
require "chef/log"
require_relative "files"

module FlockOfChefs
  module Run
    # +journal/<run number>.jsonl+: what one Chef run really updated, a line each, for the agent. It is made with the
    # first line; a run that updates nothing leaves none. As long as the run lives it holds a shared lock on the file:
    # two runs may go on at once, and the agent removes the file of none that does.
    class JournalFile
      # Files that wait for an agent; a run that needs another removes the oldest.
      FILES = 1_000
      # Two runs that began at once have one number; the second takes the next that is free, of so many.
      NUMBERS = 10
      # Only ever a new file, and only ever its end.
      MODE = File::WRONLY | File::CREAT | File::EXCL | File::APPEND | File::BINARY

      # @param data_dir [String]
      # @return [String] the folder of journals
      def self.folder(data_dir) = File.join(data_dir, "journal")

      # @param data_dir [String]
      # @return [Array<Integer>] the runs that have a journal, the oldest first
      def self.numbers(data_dir)
        Dir.children(folder(data_dir)).filter_map { |name| name[/\A(\d+)\.jsonl\z/, 1]&.to_i }.sort
      rescue Errno::ENOENT
        []
      end

      # @param data_dir [String]
      # @param number [Integer] the run's
      def initialize(data_dir, number)
        @data_dir = data_dir
        @number = number
        @size = 0
      end

      # Adds a line; durable when it returns.
      #
      # @param entry [Hash]
      # @return [void]
      # @raise [SystemCallError] if it cannot be kept; what is on disk is whole lines
      def append(entry)
        line = "#{JSON.generate(entry)}\n"
        write(@file ||= create, line)
        @file.fdatasync
        @size += line.bytesize
      end

      # Adds the last line, if there is any before it.
      #
      # @return [void]
      # @raise [SystemCallError]
      def close(entry)
        append(entry) if @file
      ensure
        @file&.close
        @file = nil
      end

      private

      # One system call, so that a reader sees the whole line or, on a disk that is full, a piece that is taken back.
      def write(file, line)
        written = file.syswrite(line)
        return if written == line.bytesize

        file.truncate(@size)
        raise Errno::ENOSPC, file.path
      end

      def create
        folder = Files.directory(JournalFile.folder(@data_dir))
        make_room
        file = open_first_free(folder)
        file.flock(File::LOCK_SH)
        [folder, @data_dir].each { |directory| Files.sync_directory(directory) }
        file
      end

      def open_first_free(folder)
        last = @number + NUMBERS - 1
        begin
          File.open(File.join(folder, "#{@number}.jsonl"), MODE, 0o600)
        rescue Errno::EEXIST
          raise if @number >= last

          @number += 1
          retry
        end
      end

      def make_room
        surplus = JournalFile.numbers(@data_dir)[0...-(FILES - 1)].to_a
        return if surplus.empty?

        ::Chef::Log.warn("flock_of_chefs: no agent has read the journals of #{FILES} runs; the oldest are removed, " \
                         "and nodes that subscribe to them hear nothing. Start the agent, or see flockctl doctor")
        surplus.each { |number| File.unlink(File.join(JournalFile.folder(@data_dir), "#{number}.jsonl")) }
      end
    end
  end
end
