variable "name" {
  description = "Name of the deployment."
  type        = string
}

variable "logs_key_arn" {
  type = string
}

variable "pager_urls" {
  description = "HTTPS endpoints that alarms are sent to. Empty = subscribe to the topic by hand."
  type        = list(string)
  default     = []
}

variable "cluster_arn" {
  type = string
}

variable "cluster_name" {
  type = string
}

variable "discovery_domain" {
  description = "Private DNS domain in which each role's tasks have a name."
  type        = string
}

variable "collector_image" {
  description = "Image of the AWS Distro for OpenTelemetry collector, by digest, from your own registry."
  type        = string
}

variable "backlog_metric" {
  type    = string
  default = "tidegate_task_queue_backlog_age_seconds"
}

variable "private_subnet_ids" {
  type = list(string)
}

variable "tasks_security_group_id" {
  type = string
}

variable "aurora_identifier" {
  type = string
}

variable "redshift_workgroup" {
  type = string
}

variable "redshift_most_rpu" {
  description = "Capacity in RPU above which an alarm is raised."
  type        = number
  default     = 56
}

variable "load_balancer_suffix" {
  type = string
}
