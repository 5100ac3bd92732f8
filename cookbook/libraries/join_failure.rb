module FlockOfChefsCookbook
  # What a failed join leaves behind, for people and for what watches machines; a join that succeeds takes it away.
  class JoinFailure
    # @param agent [Chef::Resource] a flock_agent
    def initialize(agent)
      @agent = agent
    end

    # @return [String]
    def path
      ::File.join(@agent.data_dir, 'join_failed')
    end

    # @param resource [Chef::Resource] a flock_join
    # @yield joins
    # @return [Object] the block's
    def noted(resource)
      yield
    rescue StandardError => e
      write("#{Time.now.utc.strftime('%Y-%m-%dT%H:%M:%SZ')} #{resource}: #{e.message.delete_prefix("#{resource}: ").lines.first.to_s.chomp}\n")
      raise
    end

    # @return [String, nil] what failed, and when
    def told
      "the last try failed (#{::File.read(path).strip})" if ::File.exist?(path)
    end

    private

    # What went wrong is told in any case.
    def write(text)
      ::File.write(path, text, perm: 0600)
    rescue SystemCallError => e
      Chef::Log.warn("flock_of_chefs: #{path} could not be written: #{e.message}")
    end
  end
end
